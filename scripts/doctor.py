"""Say what of Signalbox is not set up, and how to set it up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from signalbox.cli import ASKS, PERMITS, Command, Context, Result

EXAMPLES = """
examples:
  doctor.py                                             the working tree alone, no network
  doctor.py --repository acme/shop                      and the repository on GitHub
  doctor.py --repository acme/shop --estimate --runs 100    what the last runs would have saved

Reads GITHUB_TOKEN (or GH_TOKEN) and GITHUB_API_URL from the environment; writes nothing anywhere.
What the token may not read is "not verified", with the permission it lacks. Rulesets and environments
can be read by every token; what Actions may do needs a token with `administration: read`.
Exit 0: all is set up. Exit 3: something is missing or could not be verified.
"""


def run(context: Context) -> Result:
    """Make the checks, read the last runs if asked, and show both."""
    from signalbox.doctor import Assumptions, Estimate, estimate, local, read_workflows, remote, report
    from signalbox.errors import InputError
    from signalbox.render.markdown import block_markdown
    from signalbox.render.text import block_text

    args, settings = context.args, context.policy.settings
    if args.estimate and not args.repository:
        raise InputError("there are no runs to read", where="--estimate", fix="Give --repository owner/name.")
    workflows = read_workflows(context.repo)
    promotions = Path(args.promotions) if args.promotions else None
    if promotions is not None and not promotions.is_dir():
        raise InputError("there is no checkout here", where="--promotions", why=args.promotions)
    checks = local.check_all(context.repo, workflows, args.config, promotions)
    found: Estimate | None = None
    assumed = Assumptions()
    if args.repository:
        from signalbox.doctor import history
        from signalbox.github import GitHub, Unavailable

        with GitHub.from_environ(context.environ, args.repository) as client:
            other = any(check.name == local.PYTEST and local.OTHER in check.found for check in checks)
            checks += remote.check_all(client, workflows, settings, indexed=not other, promotions=promotions)
            if args.estimate:
                runs = history.read(client, args.runs, context.say)
                if isinstance(runs, Unavailable):
                    raise InputError("the last runs cannot be read", why=runs.reason, fix=runs.fix)
                found = estimate(runs, settings, assumed)
    else:
        checks += remote.skipped("no --repository was given")
    blocks = report.blocks_of_checks(checks)
    if found is not None:
        blocks += report.blocks_of_estimate(found, assumed, settings.selection.audit_rate)
    if args.format == "json":
        text = json.dumps(report.data(checks, found, assumed), indent=2, sort_keys=True, ensure_ascii=False)
    else:
        text = "\n\n".join("\n".join(block_text(block)) for block in blocks) + "\n"
    return Result(
        text=text,
        summary="\n\n".join(block_markdown(block) for block in blocks),
        exit=PERMITS if all(check.state == "ok" for check in checks) else ASKS,
    )


def count(text: str) -> int:
    """Read the number of runs: from 1 to 1,000."""
    import argparse

    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 1000")
    return int(text)


command = Command(
    "doctor", "Say what is not set up and how to set it up.", epilog=EXAMPLES, needs_policy=False
)
command.option("--repository", metavar="OWNER/NAME", help="look at this repository on GitHub as well")
command.option(
    "--promotions",
    metavar="DIR",
    help="checkout of the repository in which promotions are proposed, if another",
)
command.option(
    "--estimate", action="store_true", default=False, help="replay the last runs: what would have been saved"
)
command.option("--runs", type=count, default="50", metavar="N", help="how many runs --estimate reads")

if __name__ == "__main__":
    sys.exit(command.run(run))
