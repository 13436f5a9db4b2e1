"""Make an incident a golden case: proved on its recorded answers both ways, then written under its role."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import ASKS, DENIES, Command, Context, Result

if TYPE_CHECKING:
    from signalbox.golden import Case, Proof

EXAMPLES = """
examples:
  add_golden_case.py --role ops-agent --incident incident.json
  add_golden_case.py --role qa-agent --incident learning.json --promptfoo evals/promptfooconfig.yaml --times 5

The record holds golden_case (vars, rubric, bad_output, good_output) and anonymisation, a person's attestation
bound to that text; without it the error prints the sha256 to attest. The judge is the config's own, reached
by EVALS_JUDGE_URL, EVALS_JUDGE_MODEL and EVALS_JUDGE_KEY. Nothing is written unless the judge fails the bad
answer and passes the good one every time: exit 1 it does not, exit 3 there was no verdict.
"""


def run(context: Context) -> Result:
    """Read, prove, write."""
    from signalbox.errors import InputError
    from signalbox.files import read_limited, write_atomic
    from signalbox.golden import answers_text, insert, read_case, row_of

    args = context.args
    if not 1 <= args.times <= 20:
        raise InputError("from 1 to 20 looks make a proof", where="--times", why=str(args.times))
    case = read_case(
        read_limited(Path(args.incident), 1 << 20, "record"), role=args.role, where=args.incident
    )
    config = Path(args.promptfoo)
    text = read_limited(config, 16 << 20, "promptfoo config").decode("utf-8", "strict")
    # Before anything is asked of the judge: a row that cannot be written needs no proof.
    new = insert(text, row_of(case), where=args.promptfoo)
    context.say(f"showing the judge both answers {args.times} times")
    proof = _prove(context, case, config)
    if proof.outcome != "proved":
        exit_code = DENIES if proof.outcome == "refuted" else ASKS
        return _result(case, proof, exit_code, added=False)
    folder = config.parent / "transcripts"
    if folder.is_dir():
        path = folder / f"{case.role}.yaml"
        recorded = read_limited(path, 16 << 20, "transcripts").decode() if path.is_file() else ""
        write_atomic(path, (recorded + answers_text(case)).encode())
    write_atomic(config, new.encode())
    return _result(case, proof, 0, added=True)


def _result(case: Case, proof: Proof, code: int, *, added: bool) -> Result:
    from signalbox.render.escape import code_block

    said = "added" if added else "not added"
    text = f"{case.id}: {said}. {proof.text[0].upper()}{proof.text[1:]}."
    if added:
        text += " Have it reviewed and merged like code; record the baseline anew."
    return Result(
        text=text,
        summary=code_block(text, "text") + "\n",
        outputs={"case": case.id, "added": "true" if added else "false", "proof": proof.outcome},
        exit=code,
    )


def _prove(context: Context, case: Case, config: Path) -> Proof:
    import tempfile
    import time

    from signalbox.evals.runner import Runner, find_runner
    from signalbox.golden import judge_tests, weigh
    from signalbox.golden.proof import Judged, Proof

    args, settings = context.args, context.policy.settings.evals
    with tempfile.TemporaryDirectory(prefix="signalbox-golden-") as scratch:
        folder = Path(scratch) / "results"
        folder.mkdir()
        runner = Runner(
            command=find_runner(Path(args.tools) if args.tools else _TOOLS),
            config=config,
            folder=folder,
            scratch=Path(scratch),
            environ={**_UNASKED, **{name: text for name, text in context.environ.items() if text}},
            concurrency=settings.concurrency,
            request_seconds=settings.request_seconds,
            deadline=time.monotonic() + settings.session_seconds,
        )
        session = runner.rejudge(judge_tests(case, args.times))
    if session.gaps:
        return Proof(outcome="not_verified", text=session.gaps[0].text)
    looks = [
        Judged(case=row.case, passed=row.passed, trouble=row.trouble, detail=row.detail)
        for row in session.rows
    ]
    return weigh(looks, args.times)


# The target is not asked, but the runner does not start without a key for it, nor for a judge without one.
_UNASKED = {
    "EVALS_TARGET_URL": "http://127.0.0.1:9/v1",
    "EVALS_TARGET_MODEL": "unasked",
    "EVALS_TARGET_KEY": "none",
    "EVALS_JUDGE_KEY": "none",
}
_TOOLS = Path(__file__).resolve().parent.parent / "evals"


def main() -> int:
    """Entry point."""
    # A case that was not proved must not look like one that was, in whatever mode.
    environ = {**os.environ, "SIGNALBOX_MODE": "enforce", "SIGNALBOX_FAIL_ON": "review"}
    command = Command("add_golden_case", __doc__ or "", epilog=EXAMPLES, environ=environ)
    command.option("--role", required=True, metavar="ROLE", help="whose case it becomes, such as qa-agent")
    command.option("--incident", required=True, metavar="FILE", help="incident or learning-review record")
    command.option(
        "--promptfoo",
        default="evals/promptfooconfig.yaml",
        metavar="CONFIG",
        help="the config it is written into; its folder's transcripts/ gets the answers, if there is one",
    )
    command.option("--times", type=int, default=3, metavar="N", help="how often the judge sees each answer")
    command.option("--tools", metavar="DIR", help="folder with promptfoo's package-lock.json (ours)")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
