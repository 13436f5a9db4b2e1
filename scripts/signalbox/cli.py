"""What every script shares: options, policy, errors and exit codes.

A script names its options and a function; this module parses, loads the policy and runs the function;
:mod:`signalbox.finish` records and shows what it decided. Every option can also
come from the environment as ``SIGNALBOX_<OPTION>``: that is how ``action.yml`` passes its inputs, so
that no value from outside ever stands where an option could.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if sys.version_info < (3, 11) or importlib.util.find_spec("msgspec") is None:
    # Else the caller's own Python ends with a traceback and exit code 1, which would read as a denial.
    print(
        f"error: {sys.executable}: this Python is not the one that Signalbox was set up with. Run make setup "
        f"in {Path(__file__).parents[2]}, then call the script with .venv/bin/python from there.",
        file=sys.stderr,
    )
    sys.exit(2)

import argparse
import io
import os
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec

import signalbox
from signalbox import config
from signalbox.actions import Workflow, plain
from signalbox.config import Policy
from signalbox.context import ASKS, DENIES, PERMITS, WRONG, Context, Result
from signalbox.decision import PolicyRef, Stamp, digest_of, format_time
from signalbox.errors import InputError, SignalboxError
from signalbox.finish import finish, job_exit, report_error

__all__ = ["ASKS", "DENIES", "PERMITS", "WRONG", "Command", "Context", "Result"]

EXIT_CODES = """\
exit codes:
  0  the verdict permits      1  it denies (block, rollback, FAIL)
  2  the call or its input is wrong      3  a person must decide (hold, manual review, NOT_VERIFIED)
  Under Actions (--format github) the job fails by --fail-on, and never in the modes observe and advise.

Every option can also be given as an environment variable: --max-runners as SIGNALBOX_MAX_RUNNERS.
"""


class Command:
    """One script's command line."""

    def __init__(
        self,
        prog: str,
        description: str,
        *,
        epilog: str = "",
        environ: Mapping[str, str] | None = None,
        needs_policy: bool = True,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        # False: the function itself says what is wrong with a policy file, the shipped one stands in
        self._needs_policy = needs_policy
        self.parser = _Parser(
            prog=f"{prog}.py",
            description=description,
            epilog=(epilog.strip() + "\n\n" if epilog else "") + EXIT_CODES,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self._own = self.parser.add_argument_group("what this script takes")
        self._common()

    def option(self, name: str, *, default: Any = "", **rest: Any) -> None:
        """Add an option as argparse knows it; its default is taken from ``SIGNALBOX_<NAME>`` if set."""
        self._add(self._own, name, default, rest)

    def positional(self, name: str, **rest: Any) -> None:
        """Add a positional argument (never read from the environment)."""
        self._own.add_argument(name, **rest)

    def run(self, function: Callable[[Context], Result], argv: Sequence[str] | None = None) -> int:
        """Parse, load the policy, call ``function`` and finish; returns the exit code."""
        for stream in (sys.stdout, sys.stderr):
            # A name from outside may hold what this terminal's encoding does not: show it, do not die of it.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        args = self._parse(argv)
        workflow = Workflow(self.environ, sys.stdout)
        context = None
        try:
            context = self._context(args, workflow)
            if args.format == "github":
                # Before anything can fail: a caller tells "only observed, nothing decided" from a fault.
                workflow.outputs({"mode": args.mode})
            return finish(context, function(context))
        except SignalboxError as error:
            report_error(workflow, args, str(error))
        except KeyboardInterrupt:
            report_error(workflow, args, "interrupted; what was written so far is kept")
            return 130
        except Exception as error:
            report_error(workflow, args, _said(self.parser.prog, error))
        return job_exit(context, args, WRONG)

    def _common(self) -> None:
        group = self.parser.add_argument_group("common to all scripts")

        def add(name: str, default: str = "", **rest: Any) -> None:
            self._add(group, name, default, rest)

        add("--repo", ".", metavar="DIR", help="the repository's working tree")
        add("--config", metavar="FILE", help=f"policy file in the repository (default {config.DEFAULT_FILE})")
        add(
            "--policy-ref",
            metavar="REF",
            help="read the policy at this commit, so that the change under "
            "judgement cannot rewrite it (default: the working tree)",
        )
        add("--environment", metavar="NAME", help="development, staging or production")
        add("--ledger", metavar="URL", help="record the decision there: a folder, or git:")
        add("--out", metavar="FILE", help="write the decision as canonical JSON")
        add("--bundles", metavar="DIR", help="leave the bundle that replay.py can make the decision from")
        add("--format", choices=("text", "json", "github"), help="default: github under Actions, else text")
        add("--mode", choices=("observe", "advise", "enforce"), help="instead of the policy's mode")
        add(
            "--fail-on",
            choices=("block", "review", "never"),
            help="in mode enforce under Actions: fail the job "
            "on a denial (block, the default), also when a person must decide (review), or never",
        )
        self.parser.add_argument("--version", action="version", version=f"signalbox {signalbox.__version__}")

    def _add(self, group: Any, name: str, default: Any, rest: dict[str, Any]) -> None:
        variable = "SIGNALBOX_" + name.lstrip("-").replace("-", "_").upper()
        given = self.environ.get(variable, "")
        if given:
            default = _from_environment(variable, given, rest, self.parser)
            rest = {key: value for key, value in rest.items() if key != "required"}
        group.add_argument(name, default=default, **rest)

    def _parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        args = self.parser.parse_args(argv)
        if not args.format:
            args.format = "github" if self.environ.get("GITHUB_ACTIONS") == "true" else "text"
        if not args.bundles and args.format == "github" and self.environ.get("RUNNER_TEMP"):
            args.bundles = str(Path(self.environ["RUNNER_TEMP"]) / "signalbox" / "bundles")
        return args

    def _context(self, args: argparse.Namespace, workflow: Workflow) -> Context:
        repo = Path(args.repo)
        if not repo.is_dir():
            raise InputError("there is no such folder", where=args.repo, fix="Check --repo.")
        try:
            policy = config.load(repo, args.config, args.policy_ref)
        except InputError:
            if self._needs_policy:
                raise
            policy = Policy(config.Settings(), PolicyRef(sha256=digest_of(config.Settings())))
        if args.mode and args.mode != policy.settings.mode:
            settings = msgspec.structs.replace(policy.settings, mode=args.mode)
            ref = PolicyRef(sha256=digest_of(settings), source=policy.ref.source, commit=policy.ref.commit)
            policy = Policy(settings, ref)
        args.mode = policy.settings.mode
        commit = self.environ.get("SIGNALBOX_COMMIT", "")
        producer = f"signalbox {signalbox.__version__}" + (f"@{commit}" if commit else "")
        stamp = Stamp(id=str(uuid.uuid4()), at=format_time(datetime.now(UTC)), producer=producer)
        return Context(args, repo, policy, stamp, self.environ, workflow, sys.stderr)


def _said(prog: str, error: Exception) -> str:
    """What to say of an error that nobody expected; its traceback goes to stderr."""
    if isinstance(error, OSError) and error.filename is not None:
        # A name too long for a file, a folder that may not be read: what was given is wrong, not we.
        return f"{str(error.filename)[:300]}: {error.strerror}"
    # A fault of ours must look like one: never a verdict, never a green job in enforce.
    # Line by line and on one stream: a fence on stdout would not hold what comes by stderr.
    for line in traceback.format_exc().splitlines():
        print("  " + plain(line[:2000]), file=sys.stderr)
    return f"a fault in {prog}: {type(error).__name__}: {str(error)[:2000]}"


class _Parser(argparse.ArgumentParser):
    """Repeats what is wrong with a call on one line that the runner cannot take for a command."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error; exit code 2."""
        self.print_usage(sys.stderr)
        self.exit(WRONG, f"{self.prog}: error: {plain(message[:2000])}\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as written and shows defaults only where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if (
            action.help
            and action.default not in (None, "", False, argparse.SUPPRESS, [])
            and "default" not in action.help
        ):
            return action.help + " (default %(default)s)"
        return action.help


def _from_environment(
    variable: str, given: str, rest: dict[str, Any], parser: argparse.ArgumentParser
) -> Any:
    if rest.get("action") == "store_true":
        if given not in ("true", "false"):
            parser.error(f"{variable} must be true or false, not {given!r}")
        return given == "true"
    choices = rest.get("choices")
    if choices and given not in choices:
        parser.error(f"{variable} must be one of {', '.join(choices)}, not {given!r}")
    # argparse passes a default that is text through ``type`` itself; a list it takes as it is.
    if rest.get("action") == "append":
        convert = rest.get("type", str)
        try:
            return [convert(line) for line in given.splitlines() if line.strip()]
        except ValueError as error:
            parser.error(f"{variable}: {str(error)!r}")
    return given
