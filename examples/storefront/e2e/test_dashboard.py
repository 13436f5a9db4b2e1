"""The dashboard as a person sees it."""


def number(page, label):
    return int(page.locator("dl > div", has=page.get_by_text(label, exact=True)).locator("dd").inner_text())


def test_it_counts_the_requests_that_were_made(page, api, base_url):
    page.goto(f"{base_url}/")
    before = number(page, "Requests")
    assert api.get("/products?q=lamp").ok
    page.reload()
    assert number(page, "Requests") > before
    assert page.locator("tbody tr", has_text="/products").count() >= 1


def test_it_names_the_version_that_runs_and_shows_no_error(page, api, base_url):
    mistakes = []

    # Playwright cannot take a method of a list for a handler.
    def note(error):
        mistakes.append(error)

    page.on("pageerror", note)
    page.goto(f"{base_url}/")
    version = api.get("/healthz").json()["version"]
    assert version in page.title()
    assert page.get_by_role("heading", name="Storefront").is_visible()
    assert mistakes == []
