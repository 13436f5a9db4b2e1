"""What an audit found: would the plan have skipped a test that failed when everything ran?

Told from a run's own decisions: the test plan names what it would have run, and the promotion's evidence of
the tests, merged from every shard that was planned, names what failed. What is cut short is never clean.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from signalbox.decision import canonical, sha256_hex

from .escapes import audited_plan

_LABEL = 200  # what the reader of JUnit keeps of a test's name


def audit_outcomes(bundles: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Canonical outcomes (source ``audit``) of the audited plans in a run's bundles: a function of them."""
    decisions = [b["decision"] for b in bundles if isinstance(b.get("decision"), Mapping)]
    tests: dict[str, Mapping[str, Any]] = {}
    for made in decisions:
        commit = _commit(made)
        evidence = made.get("evidence")
        if made.get("kind") == "promotion" and commit and isinstance(evidence, Sequence):
            found = [e for e in evidence if isinstance(e, Mapping) and e.get("kind") == "tests"]
            if len(found) == 1:
                tests[commit] = found[0]
    outcomes = []
    for made in decisions:
        plan = audited_plan(made) if made.get("kind") == "test-plan" else None
        ran = tests.get(_commit(made))
        if plan is not None and ran is not None:
            label, text = judge(plan, ran)
            at = str(ran.get("observed_at") or made["decided_at"])
            outcomes.append(
                canonical(
                    {
                        "id": "o-" + sha256_hex(f"audit {made['id']}".encode())[:24],
                        "label": label,
                        "source": "audit",
                        "decision": made["id"],
                        "subject": made["subject"],
                        "observed_at": at,
                        "recorded_at": made["decided_at"],
                        "text": text,
                        "producer": made.get("producer", ""),
                        "schema_version": 1,
                    }
                )
            )
    return outcomes


def judge(plan: Mapping[str, Any], tests: Mapping[str, Any]) -> tuple[str, str]:
    """(clean, bad or unknown; a sentence) for the evidence of everything that ran beside a plan."""
    facts = tests.get("facts") or {}
    gaps = [str(gap.get("text", "")) for gap in tests.get("gaps") or () if isinstance(gap, Mapping)]
    if tests.get("status") == "pass" and not gaps:
        return "clean", "everything ran and passed"
    if tests.get("status") != "fail":
        return "unknown", "; ".join(
            gaps[:3]
        ) or "the tests' results say neither that they passed nor that they failed"
    failing = [str(name) for name in facts.get("failing", ())]
    count = sum(int(facts.get(key, 0)) for key in ("failed", "suite_errors", "failures_without_cases"))
    skipped = missed(plan, failing)
    if skipped:
        return "bad", f"{len(skipped)} failing tests would have been skipped: {', '.join(skipped[:5])}"
    if count > len(failing):
        return "bad", f"of {count} failures {len(failing)} are named; the others count as skipped"
    if gaps:
        return "unknown", "; ".join(gaps[:3])
    return "clean", f"the plan would have run all {len(failing)} tests that failed"


def missed(plan: Mapping[str, Any], failing: Iterable[str]) -> list[str]:
    """Failed tests, named as in JUnit (class name, a dot, name), that ``plan`` would have skipped."""
    root = str(plan.get("rootdir", "."))
    suites = [s for s in plan.get("suites", ()) if isinstance(s, Mapping)]
    places = [*plan.get("new_test_files", ()), *plan.get("whole_files", ())]
    places += [path for s in suites if s.get("how") == "all" for path in s.get("paths", ())]
    pytest = {_dotted(test)[:_LABEL] for test in plan.get("tests", ())}
    files = tuple(_dotted(test) + "." for test in plan.get("tests", ()) if "::" not in test)
    roots = tuple(_dotted(posixpath.relpath(path, root)) + "." for path in places)
    others = [_dotted(test) for s in suites for test in s.get("tests", ())]
    if plan.get("not_pytest"):
        others += [_dotted(path) for path in places]

    def runs(label: str) -> bool:
        if label in pytest or label.startswith((*files, *(r for r in roots if not r.startswith("..")))):
            return True
        name = label.rpartition(".")[0]
        return bool(name) and any(
            o == name or o.endswith("." + name) or f".{o}.".find(f".{label}.") >= 0 for o in others
        )

    every = any(posixpath.relpath(path, root) == "." for path in places)
    return sorted(label for label in failing if not every and not runs(label))


def _commit(made: Mapping[str, Any]) -> str:
    subject = made.get("subject")
    return str(subject.get("commit") or "") if isinstance(subject, Mapping) else ""


def _dotted(nodeid: str) -> str:
    """``tests/test_a.py::T::test_x[1]`` → ``tests.test_a.T.test_x[1]``, as JUnit writes it."""
    path, mark, rest = nodeid.partition("::")
    folder, _, name = path.rpartition("/")
    name = name.rpartition(".")[0] or name
    dotted = ".".join(filter(None, [folder.replace("/", "."), name]))
    head, bracket, parameters = rest.partition("[")
    return dotted + ("." + head.replace("::", ".") + bracket + parameters if mark else "")
