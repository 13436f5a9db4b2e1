"""What a reviewer of a manual-review must look at: each doubt with the question it leaves open."""

from __future__ import annotations

from signalbox.decision import Decision
from signalbox.promotion.report import blocks
from signalbox.render import Block, Fold, Table, Text

# Code of a reason → what only a person can answer.
QUESTIONS = {
    "not-verified": "Did this check really run, and what did it say? Open its log.",
    "baseline-not-verified": "Are the base branch's reports the right ones to compare with?",
    "performance-inconclusive": "Is it slower? Run bench_pairs.py, or accept not to know.",
    "coverage-dropped": "Which new lines does no test reach, and is that acceptable?",
    "coverage-low": "Which code does no test reach, and is that acceptable?",
    "severity-unknown": "How severe are these findings here? Look them up by their id.",
    "suppressed-here": "Is each suppression right? The change itself, or a VEX document, has made it.",
    "vex-untrusted": "Does the statement hold, and will security sign it?",
    "vex-open": "What has the investigation found so far?",
    "production": "Is an incident going on? Then wait.",
    "self-reported": "Could this change have written its own reports? Look at changes to tests and CI.",
    "likely-exploited": "Is the vulnerable code reachable, and is there an update?",
    "licences-unknown": "Which licences do the components come under?",
    "licence-unlisted": "May this licence be used? Add it to one of the policy's lists.",
    "dependency-unknown": "What is this dependency, and who publishes it?",
    "dependency-install-script": "What does the script do? It runs on every machine that installs this.",
    "dependency-new-maintainer": "Is the new maintainer known, and was the hand-over announced?",
    "dependency-young-release": "Can it wait? Most malicious releases are found within days.",
    "dependency-look-alike": "Is this the package that was meant?",
    "no-digest": "Which artifact is this? Score it with its digest.",
    "tripwire": "What went wrong with the artifacts that were promoted automatically?",
    "score": "Do the largest contributions below worry you?",
}


def review_blocks(decision: Decision) -> list[Block]:
    """The questions first, then how to answer, then the decision's own tables folded away."""
    asking = [reason for reason in decision.reasons if reason.effect == "manual-review"]
    rows = tuple((reason.text, _question(reason.code), ", ".join(reason.sources[:3])) for reason in asking)
    taken = tuple(
        (item.text, f"A model asks ({item.source}).", "") for item in decision.advice if item.accepted
    )
    place = decision.subject.environment or "the environment"
    how = (
        f"To approve: a reviewer of {place} who did not make the change lets the waiting job pass, or gives "
        "promote.py --standing-approval FILE an approval of this digest. To refuse: reject the job, or do "
        "nothing. An approval counts for this digest only, and for no later decision."
    )
    shown: list[Block] = [Table(("what", "question", "see"), (*rows, *taken), "A reviewer must look at")]
    return [*shown, Text(how), *(_folded(block) for block in blocks(decision))]


def _question(code: str) -> str:
    if code.startswith("waived-"):
        return "Security has waived this until the date given: does that hold for this environment?"
    return QUESTIONS.get(code, "Is this acceptable?")


def _folded(block: Block) -> Block:
    if isinstance(block, Table):
        return Fold(block.title, (block,))
    return block
