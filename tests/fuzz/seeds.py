"""What is fuzzed, from which seeds and with which words: all written for this, or the tests' fixtures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import hostile

from doubles.promptfoo_results import honest
from doubles.records import bundle, decision, outcome
from signalbox.advisor.sanitise import plain_text
from signalbox.advisor.wire import Unavailable as NoAnswer
from signalbox.change.owners import Owners
from signalbox.classify import redact, scan
from signalbox.config import globs
from signalbox.config.conditions import evaluate
from signalbox.config.conditions import parse as parse_condition
from signalbox.config.load import parse as parse_policy
from signalbox.contracts.documents import Unreadable as UnreadableContract
from signalbox.contracts.documents import read_contract
from signalbox.decision import Subject, canonical, decode_bundle
from signalbox.dispatch import validate
from signalbox.evals.baseline import decode as decode_baseline
from signalbox.evals.promptfoo import read as read_promptfoo
from signalbox.evals.reading import read_results
from signalbox.evidence import read
from signalbox.evidence.purl import parse as parse_purl
from signalbox.feedback.policy_edit import set_policy
from signalbox.gates.identity import claims
from signalbox.github.comments import fit
from signalbox.gitops.candidate import read_decision
from signalbox.gitops.edits import set_kustomize_image, set_markers, set_policy_range, set_value
from signalbox.golden.record import read_case
from signalbox.kinds import replay
from signalbox.ledger.records import decision_name, decode_outcome, guard, read_outcomes
from signalbox.phases.rules import read as read_phase
from signalbox.prepromote.promotion import change as promoted
from signalbox.render.escape import code_block, code_span, html_text, markdown_text
from signalbox.rollout.plan import parse_slices
from signalbox.selection.schema import open_index
from signalbox.signals.exposition import Malformed
from signalbox.signals.exposition import parse as parse_metrics

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "evidence"
SCRATCH = Path(tempfile.mkdtemp(prefix="signalbox-fuzz-"))
DIGEST = "sha256:" + "b" * 64

try:
    from signalbox.evals import Unreadable
except ImportError:  # its home moves now and then
    Unreadable = UnreadableContract  # type: ignore[assignment,misc]

ALLOWED = (Malformed, Unreadable, UnreadableContract, NoAnswer)
"""Errors that belong to a reader's contract, beside the library's own."""

Seeds = Callable[[], Iterable[bytes]]


def _text(function: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: function(data.decode("utf-8", "surrogateescape"))


def _valid(function: Callable[[str], object]) -> Callable[[bytes], object]:
    """For what is only ever given decoded text."""
    return lambda data: function(data.decode("utf-8", "replace"))


def _evidence(data: bytes) -> object:
    path = SCRATCH / "report"
    path.write_bytes(data)
    found = read(path)
    assert found.status in ("pass", "fail", "not_verified")
    # What nobody can read must not be good.
    assert data or found.status == "not_verified"
    canonical(found)
    return found


def _index(data: bytes) -> None:
    path = SCRATCH / "index.sqlite"
    path.write_bytes(data)
    open_index(path).close()


def _condition(text: str) -> object:
    try:
        node = parse_condition(text)
    except ValueError:
        return None  # what the policy's reader shows beside the line
    return evaluate(node, {"tier": 2, "risk": "high", "paths": ("a.py",), "flags": True})


def _shown(text: str) -> None:
    for shown in (markdown_text(text), code_span(text), code_block(text)):
        assert not hostile.problems_of_markdown(shown), shown
    assert "<" not in html_text(text)
    assert len(fit(text * 3, 200)) <= 600


def _plain(text: str) -> None:
    once = plain_text(text)
    assert plain_text(once) == once
    assert not hostile.problems_of_markdown(once), once


def _redacted(text: str) -> None:
    assert scan(redact(text)) == [] or not scan(text) or len(redact(text)) < len(text) + 10_000


def _replayed(data: bytes) -> object:
    found = replay(data)
    # Whoever can make a bundle can make one that replays; what is not canonical is never "the same".
    assert not found.same or data == decode_bundle(data).encode()
    return found


def _edited(edit: Callable[[bytes], object]) -> Callable[[bytes], object]:
    return edit


def _files(*folders: str) -> Seeds:
    def give() -> Iterable[bytes]:
        for folder in folders:
            for path in sorted((FIXTURES / folder).iterdir()):
                if path.stat().st_size < 3000:
                    yield path.read_bytes()

    return give


def _these(*texts: str | bytes) -> Seeds:
    return lambda: [text if isinstance(text, bytes) else text.encode() for text in texts]


def _hostile() -> Iterable[bytes]:
    return [text.encode("utf-8", "surrogatepass")[:300] for text in hostile.STRINGS.values()]


POLICY = (
    b"mode: enforce\nsuites:\n  unit: {minutes: 1, paths: ['**'], tests: [tests]}\n"
    b"scoring: {risk-budget: 0.02}\n"
)
KUSTOMIZE = (
    b"images:\n  - name: acme/shop # the shop\n    newTag: 1.0.0\n    digest: sha256:" + b"0" * 64 + b"\n"
)
MARKED = b'image: acme/shop:1.0.0 # {"$imagepolicy": "flux:shop"}\n'
FLUX = b"apiVersion: x\nkind: ImagePolicy\nmetadata: {name: shop}\nspec: {policy: {semver: {range: 1.x}}}\n"
METRICS = (
    b'# TYPE a counter\na_total{x="y\\"z",le="+Inf"} 1e3 1700000000\n# EOF\nb{} NaN\n'
    b'h_bucket{le="0.5"} 3\nh_sum 1\nh_count 3\n'
)
CASE = {
    "id": "INC-1",
    "golden_case": {
        "vars": {"q": "a question"},
        "rubric": "refuses",
        "bad_output": "yes",
        "good_output": "no",
    },
}
PHASE = {"work_item": "ABC-1", "at": "2026-03-02T12:00:00Z", "by": "ada", "changes": ["a.py"], "notes": "n"}
CONTRACT = b"---\nname: qa-agent\nmodel: x\n---\n# QA\n\n## Must\n\n- It MUST refuse.\n"
PAYLOAD = {"environment": "production", "digest": DIGEST, "severity": "high", "reason": "it fails"}


def _results() -> bytes:
    """One row of promptfoo's, whole."""
    scene = honest()
    first = scene.rows[0]
    scene.keep(lambda one: one is first)
    return scene.documents()[0]


def _baseline() -> bytes:
    """A baseline, cut to its first rows."""
    whole = honest().baseline or {}
    short = {key: value[:1] if isinstance(value, list) else value for key, value in whole.items()}
    return json.dumps(short).encode()


def _promotion() -> bytes:
    subject = Subject(repository="acme/shop", digest=DIGEST)
    return canonical(decision("promotion", verdict="block", subject=subject, mode="enforce"))


TARGETS: dict[str, tuple[Callable[[bytes], object], Seeds]] = {
    "evidence junit": (_evidence, _files("junit")),
    "evidence sarif": (_evidence, _files("sarif")),
    "evidence coverage": (_evidence, _files("coverage")),
    "evidence supply": (_evidence, _files("supply", "sbom")),
    "evidence vulnerabilities": (_evidence, _files("vulnerabilities", "dast")),
    "evidence performance": (_evidence, _files("performance", "plain")),
    "policy": (lambda data: parse_policy(data, "policy"), _these(POLICY, "{}", "a: &x [*x]", "mode: [")),
    "conditions": (_valid(_condition), _these("risk >= high and paths ~ 'a*' or not flags", "tier < 3", "(")),
    "globs": (
        _valid(lambda text: globs.pattern(text).fullmatch("a/b/c.py")),
        _these("**/*.py", "a/[!b]?", "{a,b}"),
    ),
    "owners": (
        _valid(lambda text: Owners(text).of("a/b.py")),
        _these("* @a\n/a/ @b c@d.example\n", "!x\n[y]"),
    ),
    "policy edit": (
        lambda data: set_policy(data, "scoring", "auto_promote_at", 0.5, name="p"),
        _these(POLICY, ""),
    ),
    "flux range": (lambda data: set_policy_range(data, "1.4.2", name="f"), _these(FLUX)),
    "flux markers": (
        lambda data: set_markers(data, "flux:shop", "acme/shop", "1.2.3", DIGEST, name="f"),
        _these(MARKED),
    ),
    "kustomize": (
        lambda data: set_kustomize_image(data, "acme/shop", digest=DIGEST, name="k"),
        _these(KUSTOMIZE),
    ),
    "helm values": (
        lambda data: set_value(data, "image.digest", DIGEST, name="v"),
        _these("image: {digest: x}\n"),
    ),
    "promotion diff": (
        _valid(lambda text: promoted(text[: len(text) // 2], text[len(text) // 2 :])),
        _these(FLUX * 2),
    ),
    "bundles": (_replayed, lambda: [bundle("promotion", verdict="block"), bundle("rollout")]),
    "decisions": (lambda data: read_decision(data, where="d"), lambda: [_promotion(), bundle("promotion")]),
    "ledger": (
        lambda data: (guard(data), decision_name(data), decode_outcome(data)),
        lambda: [bundle(), outcome()],
    ),
    "outcomes": (
        lambda data: read_outcomes(data, recorded_at="2026-01-01T00:00:00Z", producer="p", where="o"),
        lambda: [outcome(), b'{"decision": "d", "label": "bad", "source": "manual"}\n' * 2],
    ),
    "payloads": (lambda data: validate("signalbox-rollback", data), _these(json.dumps(PAYLOAD))),
    "promptfoo": (read_promptfoo, lambda: [_results()]),
    "eval results": (lambda data: read_results(data, source="r"), _files("junit")),
    "eval baseline": (decode_baseline, lambda: [_baseline()]),
    "golden case": (lambda data: read_case(data, role="qa-agent", where="c"), _these(json.dumps(CASE))),
    "phase record": (lambda data: read_phase("execute", data, "r"), _these(json.dumps(PHASE))),
    "contracts": (_valid(lambda text: read_contract("qa-agent.md", text)), _these(CONTRACT)),
    "identity token": (
        _valid(lambda text: claims(text, {"keys": [{}]}, issuer="i", now=0.0, repository="r")),
        _these("eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "e30.e30.e30"),
    ),
    "metrics": (_valid(parse_metrics), _these(METRICS)),
    "slices": (_valid(parse_slices), _these("10,25,50,100", "0.1, 1e2")),
    "package urls": (_valid(parse_purl), _these("pkg:npm/%40a/b@1.0?x=y#z", "pkg:pypi/x@1")),
    "impact index": (_index, _these(b"SQLite format 3\0" + bytes(84), b"")),
    "text that is shown": (_text(_shown), _hostile),
    "a model's words": (_valid(_plain), _hostile),
    "text with secrets": (
        _valid(_redacted),
        _these("key AKIAABCDEFGHIJKLMNOP mail a@b.example", "4111 1111 1111 1111"),
    ),
}

WORDS = (
    "\" ' {} [] : - \n \r\n \t &a *a !! <!-- --> ]]> <testsuite> </testsuite> <testcase/> <skipped/> "
    "<![CDATA[ &lt; &#0; null true false NaN Infinity -0 \0 SF: DA:1,1 end_of_record #TYPE _bucket{le= +Inf "
    "#EOF pkg: sha256: and or not ~ >= ** [! .. :// @ #1 :: ##[ ``` "
    '"level":"error" "kind":"pass" "results":null "schema_version":99 "verdict":"PASS" '
    "\u202e \u2028 \u0130 \u00b2 \U0001f3f4"
)
TOKENS = [word.encode() for word in WORDS.split(" ")] + [b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80"]
NUMBERS = [
    b"0",
    b"-1",
    b"1e999",
    b"1e-999",
    b"0.1",
    b"9" * 20,
    b"9" * 400,
    b"2147483648",
    b"0x10",
    b"1_000",
    b".",
]
