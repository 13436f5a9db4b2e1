"""Draws the pictures of docs/gallery.md: real decisions, rendered by GitHub's Markdown library in Chromium.

usage: make gallery        (after make demo, whose records it draws)

The test plan, the runner plan, the promotion and both rollouts are the demo's own; the gate, the block and
the denial are asked here; the evals are a scene of the tests. Mermaid, which draws the charts on GitHub, is
fetched from the npm registry when the pictures are made.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
MERMAID = "mermaid@11.12.0"
ACME = "https://github.example/acme/signalbox/blob/v1/docs"
WIDTH = 900
STYLE = """
body { margin: 0; padding: 24px 32px; font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1f2328;
  background: #fff; width: 836px; box-sizing: border-box; }
h3 { font-size: 1.2em; margin: 0 0 12px; }
table { border-collapse: collapse; margin: 0 0 14px; font-size: 13px; display: block; overflow: hidden; }
th, td { border: 1px solid #d1d9e0; padding: 5px 11px; text-align: left; }
td[align=right], th[align=right] { text-align: right; }
tr:nth-child(2n) td { background: #f6f8fa; }
code { background: #eff1f3; border-radius: 5px; padding: 1px 5px; font-size: 85%; }
pre { background: #f6f8fa; padding: 12px; border-radius: 6px; overflow: hidden; }
pre.mermaid { background: none; padding: 0; }
details { margin: 0 0 10px; }
sub { color: #59636e; font-size: 11px; }
a { color: #0969da; text-decoration: none; }
"""


def decisions(demo: Path, scratch: Path) -> dict[str, bytes]:
    """Name of a picture → the bundle it shows."""
    found = {}
    for name, pattern in {
        "test-plan": "good/bundles/test-plan-*.json",
        "runner-plan": "good/bundles/concurrency-*.json",
        "promotion-review": "good/bundles/promotion-*.json",
        "rollout-proceed": "good/bundles/rollout-*.json",
        "rollout-rollback": "bad/bundles/rollout-*.json",
    }.items():
        bundles = sorted(demo.glob(pattern))
        if not bundles:
            sys.exit(f"{demo / pattern} is not there: run make demo first")
        found[name] = bundles[-1].read_bytes()
    shop = scratch / "shop"
    shutil.copytree(ROOT / "examples/storefront", shop, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-C", str(shop), "-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "The shop"], check=True)
    reports = scratch / "reports"
    reports.mkdir()
    cut = '<testsuite name="unit" tests="41" failures="0"><testcase name="a" classname="t" time="0.1"/>'
    (reports / "junit.xml").write_text(cut)
    digest = "sha256:" + "5e" * 32
    found["promotion-block"] = ask(scratch, "score_artifact", shop, "--evidence", reports, "--digest", digest)
    found["gate"] = ask(
        scratch, "check_gate", shop, "--gate", "gate-3", "--evidence", reports, "--digest", digest,
        "--risk", "medium", "--head", "HEAD", "--base", "HEAD",
    )  # fmt: skip
    found["agents-action"] = ask(
        scratch, "authorize_agent", shop, "--agent", "developer-agent", "--action", "merge-main",
        "--environment", "development",
    )  # fmt: skip
    return found


def ask(scratch: Path, script: str, repo: Path, *options: object) -> bytes:
    """Ask one script; returns the bundle it left."""
    bundles = Path(tempfile.mkdtemp(dir=scratch))
    command = [
        sys.executable,
        ROOT / "scripts" / f"{script}.py",
        "--repo",
        repo,
        "--bundles",
        bundles,
        *options,
    ]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    made = list(bundles.glob("*.json"))
    if len(made) != 1:
        sys.exit(f"{script} left {len(made)} bundles:\n{done.stdout}{done.stderr}")
    return made[0].read_bytes()


def evals_scene() -> str:
    """A candidate of the tests that is worse than its baseline, as Markdown."""
    sys.path.insert(0, str(ROOT / "tests"))
    from doubles.evals_scene import verdict_of
    from doubles.promptfoo_results import _regression, honest
    from signalbox.evals import blocks
    from signalbox.render.markdown import markdown

    scene = honest()
    _regression(scene)
    decision = verdict_of(scene)
    return markdown(decision, blocks(decision), docs=ACME)


def page(markdown_text: str, script: str) -> str:
    """What GitHub makes of it, as a page with its charts drawn."""
    body = cmarkgfm.github_flavored_markdown_to_html(markdown_text, Options.CMARK_OPT_UNSAFE)
    body = body.replace('<pre lang="mermaid"><code>', '<pre class="mermaid">').replace(
        '<pre><code class="language-mermaid">', '<pre class="mermaid">'
    )
    start = "mermaid.initialize({startOnLoad: true, theme: 'default', xyChart: {width: 760, height: 300}})"
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}"
        f"<script>{script}</script><script>{start}</script>"
    )


def mermaid(scratch: Path) -> str:
    """The chart library, as GitHub uses it."""
    npm = Path(sys.executable).with_name("npm")
    subprocess.run(
        [str(npm), "pack", "--silent", MERMAID], cwd=scratch, check=True, stdout=subprocess.DEVNULL
    )
    [archive] = scratch.glob("mermaid-*.tgz")
    subprocess.run(["tar", "-xzf", archive.name, "package/dist/mermaid.min.js"], cwd=scratch, check=True)
    return (scratch / "package/dist/mermaid.min.js").read_text()


def draw(pages: dict[str, str], folder: Path) -> None:
    """One picture a page, as tall as the page is."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, html in pages.items():
            shown = browser.new_page(viewport={"width": WIDTH, "height": 200}, device_scale_factor=1)
            shown.set_content(html)
            if 'class="mermaid"' in html:
                shown.wait_for_function(
                    "document.querySelectorAll('pre.mermaid svg').length === "
                    "document.querySelectorAll('pre.mermaid').length"
                )
            shown.screenshot(path=folder / f"{name}.png", full_page=True)
            shown.close()
        browser.close()


def main() -> int:
    """Draw every picture."""
    from signalbox.kinds import shown
    from signalbox.render.markdown import markdown

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        texts = {}
        for picture, data in decisions(ROOT / "out/demo", scratch).items():
            decision, blocks = shown(data)
            texts[picture] = markdown(decision, blocks, docs=ACME)
        texts["evals"] = evals_scene()
        script = mermaid(scratch)
        draw({picture: page(text, script) for picture, text in texts.items()}, HERE)
    print(f"drew {len(texts)} pictures in {HERE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
