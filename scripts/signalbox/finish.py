"""What happens after a script's function: the decision is kept, passed on and shown, in this order.

Whatever fails later leaves behind what was done before: the bundle and the ledger come first, then the
outputs that other jobs read, and only then what people look at.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signalbox.actions import Annotation, Level, Workflow, plain
from signalbox.context import ASKS, DENIES, PERMITS, WRONG, Context, Result
from signalbox.decision import Decision, canonical, exit_code, make_bundle, sha256_hex
from signalbox.files import write_atomic


def finish(context: Context, result: Result) -> int:
    """Record, pass on and show what was decided; returns the exit code."""
    outputs = dict(result.outputs)
    code, replayed = result.exit, ""
    if result.decision is not None:
        code = exit_code(result.decision.kind, result.decision.verdict)
        if code == DENIES and result.exit == ASKS:
            # Denied, and only a person may carry the denial out: a production rollback without approval.
            code = ASKS
        kept, replayed = _keep(context, result.decision, result.inputs)
        outputs |= kept
    if context.args.format == "github":
        context.workflow.outputs(outputs)
    _show(context, result, replayed, code)
    return job_exit(context, context.args, code)


def report_error(workflow: Workflow, args: argparse.Namespace, message: str) -> None:
    """Say what went wrong, on one line that is no command: on stderr, and under Actions as an annotation."""
    if args.format == "github":
        workflow.annotate([Annotation(level="error", text=plain(message))])
    print(f"error: {plain(message)}", file=sys.stderr)


def job_exit(context: Context | None, args: argparse.Namespace, code: int) -> int:
    """Outside Actions the verdict's own code; under Actions what mode and --fail-on make of it."""
    if args.format != "github":
        return code
    # No context: the policy could not be read, so nobody knows that this was only to be observed.
    if context is not None and context.policy.settings.mode != "enforce":
        return PERMITS
    failing = {"never": (), "review": (DENIES, WRONG, ASKS)}.get(args.fail_on, (DENIES, WRONG))
    return code if code in failing else PERMITS


def _keep(context: Context, decision: Decision, inputs: Any) -> tuple[dict[str, str], str]:
    """Write the bundle, the decision and the record; returns the outputs and the command of a replay."""
    args, settings = context.args, context.policy.settings
    bundle = make_bundle(decision, inputs, settings)
    data = bundle.encode()
    outputs = {"verdict": decision.verdict, "decision-id": decision.id, "bundle-sha256": sha256_hex(data)}
    replayed = ""
    if args.bundles:
        path = Path(args.bundles) / bundle.name
        write_atomic(path, data)
        outputs["bundle"] = str(path)
        # A summary is read where the bundle is an artifact, a terminal where it is this file.
        replayed = f"replay.py {bundle.name if args.format == 'github' else path}"
    if args.out:
        write_atomic(Path(args.out), canonical(decision))
    url = args.ledger or settings.ledger.url
    if url:
        from signalbox.ledger import is_fork, open_ledger, run_name

        ledger = open_ledger(
            url, repo=context.repo, branch=settings.ledger.branch, run=run_name(context.environ)
        )
        ledger.record(data, trusted=not is_fork(context.environ))
    return outputs, replayed


def _show(context: Context, result: Result, replayed: str, code: int) -> None:
    workflow, decision = context.workflow, result.decision
    if context.args.format == "json":
        _write(canonical(decision) if decision else (result.text + "\n").encode() if result.text else b"")
        return
    from signalbox.render.text import block_text, text

    if decision is not None:
        shown = text(decision, result.blocks, replay=replayed)
    else:
        from signalbox.render import Text

        shown = "".join(f"{line}\n" for line in block_text(Text(result.text)))
    if context.args.format == "text" and not workflow.present:
        _write(shown.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
        return
    if shown:
        with workflow.untrusted():
            # The fence stops commands; the log's viewer would still colour by the older form.
            print(shown.replace("##[", "## ["))
    if context.args.format == "text":
        return
    if decision is not None:
        from signalbox.render.markdown import markdown

        workflow.summary(markdown(decision, result.blocks, replay=replayed, docs=context.docs))
    elif result.summary:
        workflow.summary(result.summary)
    workflow.annotate([*_verdict_annotation(context, decision, code), *result.annotations])


def _write(data: bytes) -> None:
    """Print, and take it calmly when the reader has seen enough (a pipe into ``head``)."""
    try:
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(data)
        else:  # somebody put a text stream of their own there
            sys.stdout.write(data.decode())
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end; that must not turn the verdict's exit code into another.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _verdict_annotation(context: Context, decision: Decision | None, code: int) -> Sequence[Annotation]:
    if decision is None or code == PERMITS:
        return ()
    from signalbox.render import wording

    enforced = context.policy.settings.mode == "enforce"
    level: Level = ("error" if code == DENIES else "warning") if enforced else "notice"
    reason = decision.reasons[0].text if decision.reasons else ""
    title = f"{wording.name(decision)}: {decision.verdict}"
    return (Annotation(level=level, title=title, text=f"{plain(reason)} {plain(decision.next_action)}"),)
