"""What stands between dev and a promotion: the key's scope, the suites, the status, the promotion itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import Evidence, Gap, not_verified
from signalbox.errors import InputError
from signalbox.prepromote import (
    Suite,
    admin_scope,
    change,
    e2e_command,
    match,
    parse_verdicts,
    recorded,
    standing,
    suite_evidence,
    target,
)

DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
VERDICTS = ("PASS", "FAIL", "NOT_VERIFIED")


@pytest.mark.parametrize(
    ("admin", "probe", "probed", "status", "code"),
    [
        (403, 200, True, "pass", ""),
        (401, None, False, "pass", ""),
        (200, 200, True, "fail", "admin-scope"),
        (204, None, False, "fail", "admin-scope"),
        (None, 200, True, "not_verified", "admin-unreachable"),
        (404, 200, True, "not_verified", "admin-unclear"),
        (302, 200, True, "not_verified", "admin-unclear"),
        (500, 200, True, "not_verified", "admin-unclear"),
        # A key that is refused everywhere proves nothing.
        (401, 401, True, "not_verified", "key-unproven"),
        (403, None, True, "not_verified", "key-unproven"),
    ],
)
def test_the_key_is_proved_by_a_refusal_and_nothing_else(
    admin: int | None, probe: int | None, probed: bool, status: str, code: str
) -> None:
    found = admin_scope(admin, probe, source="https://dev.example/admin", probed=probed)
    assert found.status == status
    assert [gap.code for gap in found.gaps] == ([code] if code else [])


@given(st.none() | st.integers(100, 599), st.none() | st.integers(100, 599), st.booleans())
def test_no_answer_but_a_refusal_ever_passes(admin: int | None, probe: int | None, probed: bool) -> None:
    found = admin_scope(admin, probe, source="", probed=probed)
    if found.status == "pass":
        assert admin in (401, 403)
        assert not probed or (probe is not None and 200 <= probe < 300)


def suite(code: int | None) -> Suite:
    return Suite(name="integration", code=code, report=Path("r.xml"), why="was ended after 2 minutes")


GREEN = Evidence(kind="tests", status="pass", facts={"passed": 3})
RED = Evidence(kind="tests", status="fail", facts={"failed": 1})


@pytest.mark.parametrize(
    ("code", "report", "status", "gap"),
    [
        (0, GREEN, "pass", None),
        (1, RED, "fail", None),
        # A runner that swallows its own exit code hides nothing from the report.
        (0, RED, "fail", None),
        (1, GREEN, "not_verified", "exit-code"),
        (None, None, "not_verified", "suite-ended"),
        (None, GREEN, "not_verified", "suite-ended"),
        (0, None, "not_verified", "zero-tests"),
        (0, not_verified("tests", "zero-tests", "no test"), "not_verified", "zero-tests"),
    ],
)
def test_a_suite_is_judged_by_its_report_and_its_end(
    code: int | None, report: Evidence | None, status: str, gap: str | None
) -> None:
    found = suite_evidence(suite(code), report)
    assert found.status == status
    assert [one.code for one in found.gaps] == ([gap] if gap else [])


def test_playwright_has_its_own_runner_where_there_is_a_package(tmp_path: Path) -> None:
    assert "pytest" in e2e_command(tmp_path)
    (tmp_path / "package.json").write_text("{}")
    assert "playwright test --reporter=junit" in e2e_command(tmp_path)


@given(
    st.dictionaries(
        st.sampled_from(["evals", "e2e", "more"]), st.sampled_from([*VERDICTS, "", "***", "pass"])
    )
)
def test_only_two_passes_are_a_success(given_: dict[str, str]) -> None:
    words = " ".join(f"{name}={verdict}" for name, verdict in given_.items())
    found = standing(parse_verdicts(words), DIGEST)
    both = all(given_.get(name) == "PASS" for name in ("evals", "e2e"))
    assert (found.state == "success") == (both and set(given_.values()) == {"PASS"})
    # GitHub cuts a description at 140 characters; verdict and digest come before that.
    assert f"{found.verdict} for {DIGEST}: " in found.description[:140]
    failed = "FAIL" in given_.values()
    assert found.state == ("failure" if failed else found.state)


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", DIGEST + "0", DIGEST.upper(), f" {DIGEST}"])
def test_a_status_about_no_digest_is_never_a_success(digest: str) -> None:
    assert standing({"evals": "PASS", "e2e": "PASS"}, digest).state == "error"


@pytest.mark.parametrize("words", ["PASS", "evals=PASS evals=FAIL", "=PASS", "e vals=PASS", "EVALS=PASS"])
def test_verdicts_that_are_not_named_are_refused(words: str) -> None:
    with pytest.raises(InputError):
        parse_verdicts(words)


def row(**change: object) -> dict[str, object]:
    text = standing({"evals": "PASS", "e2e": "PASS"}, DIGEST).description
    known = {
        "context": "dev-evals-green",
        "state": "success",
        "description": text,
        "creator": {"login": "bot"},
    }
    return {**known, **change}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_what_was_posted_is_read_back_whole(verdict: str) -> None:
    posted = standing({"evals": verdict, "e2e": "PASS"}, DIGEST)
    rows = [row(context="lint"), row(state=posted.state, description=posted.description)]
    assert recorded(rows, "dev-evals-green", DIGEST, "bot") == posted


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(creator={"login": "mallory"})],
        [row(creator=None)],
        [row(description=f"PASS for {OTHER}: evals PASS, e2e PASS")],
        [row(description="PASS")],
        [row(description=None)],
        # State and words differ: one of them was written by somebody else.
        [row(description=f"FAIL for {DIGEST}: evals FAIL, e2e PASS")],
        # The newest counts, whatever stood there before.
        [row(description="not applicable"), row()],
    ],
)
def test_what_is_no_record_of_the_gate_is_not_taken_for_one(rows: list[dict[str, object]]) -> None:
    assert recorded(rows, "dev-evals-green", DIGEST, "bot") is None


POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: shop}
spec:
  imageRepositoryRef: {name: shop}
  policy:
    semver:
      range: 1.4.1 # strict
"""
DEPLOYMENT = f"""\
kind: Deployment
spec:
  containers:
    - name: shop
      image: ghcr.io/acme/shop:1.4.1@{OTHER} # {{"$imagepolicy": "flux-system:shop"}}
    - name: proxy
      image: envoy@sha256:{"9" * 64}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DEPLOYMENT, DEPLOYMENT.replace(f"1.4.1@{OTHER}", f"1.4.2@{DIGEST}")),
        (f"images:\n- digest: {OTHER}\n", f"images:\n- digest: {DIGEST} # promoted\n"),
        (f"image:\n  tag: 1.4.1\n  digest: {OTHER}\n", f"image:\n  tag: 1.4.2\n  digest: {DIGEST}\n"),
        (POLICY, POLICY.replace("1.4.1", "1.4.2")),
        (POLICY, POLICY.replace("1.4.1", '"v1.4.2"')),
        ("image: shop:1.4.1\n", "image: shop:1.4.2\n"),
    ],
)
def test_a_move_to_the_tested_digest_is_seen(before: str, after: str) -> None:
    found = change(before, after)
    resolved = {"1.4.2": frozenset({DIGEST})}
    assert found.odd == ""
    assert match(found, DIGEST, resolved) == "this-digest"
    assert match(found, OTHER, resolved) == "another-digest"
    assert target(found, resolved) == DIGEST


FORGED = {
    "a digest in a comment": POLICY.replace("1.4.1 #", f"9.9.9 # {DIGEST}"),
    "a digest in an annotation": POLICY.replace(
        "{name: shop}\nspec", f"{{name: shop, note: {DIGEST}}}\nspec"
    ),
    "a wide range": POLICY.replace("1.4.1", '">=0.0.0"'),
    "another repository": POLICY.replace("Ref: {name: shop}", "Ref: {name: evil}").replace("1.4.1", "1.4.2"),
    "a range twice": POLICY + "      range: 9.9.9\n",
    "a document more": POLICY.replace("1.4.1", "1.4.2") + "---\nkind: Deployment\nimage: evil:latest\n",
    "a document less": "",
    "no YAML": POLICY.replace("1.4.1", "1.4.2") + "  ]\n",
    "a merge key": POLICY.replace("1.4.1", "1.4.2").replace("spec:", "spec:\n  <<: {}"),
    "a marker of the loose policy": POLICY.replace(
        "1.4.1 # strict", '1.4.2 # {"$imagepolicy": "ns:dev:tag"}'
    ),
    "nesting": "a: " + "[" * 200 + "]" * 200,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_change_beside_the_digest_is_no_promotion_of_it(name: str) -> None:
    resolved = {"1.4.2": frozenset({DIGEST}), "9.9.9": frozenset({OTHER})}
    assert match(change(POLICY, FORGED[name]), DIGEST, resolved) == "another-digest"


def test_two_containers_moved_at_once_and_an_unpinned_one_are_not_the_tested_digest() -> None:
    two = DEPLOYMENT.replace(OTHER, DIGEST).replace("9" * 64, "8" * 64)
    assert match(change(DEPLOYMENT, two), DIGEST, {}) == "another-digest"
    loose = DEPLOYMENT.replace(f":1.4.1@{OTHER}", ":latest")
    assert match(change(DEPLOYMENT, loose), DIGEST, {}) == "another-digest"


@pytest.mark.parametrize(
    "resolved",
    [{}, {"1.4.2": frozenset()}, {"1.4.2": frozenset({OTHER})}, {"1.4.2": frozenset({DIGEST, OTHER})}],
)
def test_a_version_counts_only_where_the_registry_knows_it_as_the_digest(
    resolved: dict[str, frozenset[str]],
) -> None:
    found = change(POLICY, POLICY.replace("1.4.1", "1.4.2"))
    assert match(found, DIGEST, resolved) == "another-digest"
    assert match(found, "", resolved) == "another-digest"


def test_a_file_that_says_the_same_promotes_nothing_and_one_that_is_not_there_is_not_known() -> None:
    assert match(change(POLICY, POLICY.replace("# strict", "# as before")), DIGEST, {}) == "not-a-promotion"
    assert match(change(None, POLICY), DIGEST, {}) == "another-digest"
    assert match(change(POLICY, None), DIGEST, {}) == "another-digest"


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_breaks_the_reading(before: str, after: str) -> None:
    found = change(before, after)
    assert match(found, DIGEST, {}) in ("not-a-promotion", "another-digest")


def test_gaps_of_a_green_report_stay(tmp_path: Path) -> None:
    told = Evidence(kind="tests", status="pass", gaps=(Gap("skipped", "one was skipped"),))
    assert [gap.code for gap in suite_evidence(suite(2), told).gaps] == ["skipped", "exit-code"]
