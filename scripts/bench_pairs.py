"""Run a benchmark of two revisions in turns and write the pairs that score_artifact.py can decide from."""

from __future__ import annotations

import sys
from pathlib import Path

from signalbox.cli import Command, Context, Result

EXAMPLES = """
examples:
  bench_pairs.py --baseline origin/main --pairs-out reports/pairs.json -- python bench/parse.py
  bench_pairs.py --baseline v1.4.0 --candidate HEAD --prepare "make build" -- ./bench.sh

The command is timed as a whole, unless it writes {"name": seconds, ...} to the file $SIGNALBOX_BENCH_OUT.
Each revision is checked out in a folder of its own. Without --pairs it takes as many pairs as can decide:
5 for one benchmark, 6 for two, 8 for ten. Which side of a pair goes first is drawn. On a shared machine give
--repeats 3: what else runs there only ever adds time, so the least of them counts. Exit 2 when the command
fails at either revision.
"""


def run(context: Context) -> Result:
    """Measure, write, and say what the pairs look like."""
    import random
    import shlex
    import subprocess

    from signalbox.decision import Evidence, canonical
    from signalbox.errors import InputError
    from signalbox.files import write_atomic
    from signalbox.promotion.interleave import Worktrees, command_runner, default_environ, measure
    from signalbox.promotion.performance import compare

    args, scoring = context.args, context.policy.settings.scoring
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise InputError("no benchmark command is given", fix="Put it behind --.")
    environ = default_environ()
    with Worktrees(context.repo, args.baseline, args.candidate) as sides:
        for side in sides if args.prepare else ():
            ran = subprocess.run(
                shlex.split(args.prepare),
                cwd=side.folder,
                env=environ,
                capture_output=True,
                check=False,
                text=True,
            )
            if ran.returncode:
                why = ran.stderr.strip()[-300:]
                raise InputError(f"--prepare failed at the {side.name}", where=side.commit, why=why)
        pairs = measure(
            sides,
            command_runner(command, environ, float(args.timeout), cpu=args.time == "cpu"),
            rng=random.Random(context.stamp.id),  # noqa: S311 (an order, not a secret)
            pairs=int(args.pairs),
            repeats=max(1, int(args.repeats)),
            alpha=scoring.performance_alpha,
            say=context.say,
        )
    report = {
        "signalbox_pairs": 1,
        "baseline": sides[0].commit,
        "candidate": sides[1].commit,
        "observed_at": context.stamp.at,
        "benchmarks": pairs,
    }
    write_atomic(Path(args.pairs_out), canonical(report))
    evidence = Evidence(kind="performance", status="pass", facts={"pairs": pairs})
    found = compare([evidence], margin=scoring.performance_margin, alpha=scoring.performance_alpha)
    lines = [f"{found.verdict}: {len(pairs)} benchmarks, written to {args.pairs_out}"]
    for item in found.benchmarks:
        change = f"{100 * (item.ratio - 1):+.1f}%"
        lines.append(f"   {item.name}: {change} over {item.pairs} pairs, p {item.p:.4f} (Holm)")
    return Result(text="\n".join(lines), outputs={"pairs": args.pairs_out, "performance": found.verdict})


def main() -> int:
    """Entry point."""
    import argparse

    command = Command("bench_pairs", __doc__ or "", epilog=EXAMPLES)
    command.option("--baseline", required=True, metavar="REV", help="the revision to compare with")
    command.option("--candidate", default="HEAD", metavar="REV", help="the revision to judge")
    command.option("--pairs-out", default="pairs.json", metavar="FILE", help="where the pairs go")
    command.option(
        "--pairs", default="0", type=int, metavar="N", help="pairs (default: the least that can decide)"
    )
    command.option(
        "--repeats",
        default="1",
        type=int,
        metavar="N",
        help="runs of each side in a pair; the least time counts",
    )
    command.option("--time", default="wall", choices=("wall", "cpu"), help="what of the command is timed")
    command.option("--prepare", metavar="COMMAND", help="run once in each revision's folder before measuring")
    command.option(
        "--timeout", default="600", type=float, metavar="SECONDS", help="for one run of the command"
    )
    command.positional("command", nargs=argparse.REMAINDER, help="-- and the benchmark's command")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
