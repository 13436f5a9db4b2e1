"""Run the caller's integration and Playwright suites against dev; without tests nothing is verified."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from signalbox.cli import Command, Context, Result

if TYPE_CHECKING:
    from signalbox.decision import Evidence
    from signalbox.prepromote import Suite

EXAMPLES = """
examples:
  run_e2e.py --url https://dev.example --integration "make integration" --e2e-dir e2e \\
      --digest sha256:4f53… --digest-url https://dev.example/version --admin-url https://dev.example/admin

Commands find the endpoint in BASE_URL, the dev key in DEV_API_KEY and where to leave their JUnit in JUNIT.
The end-to-end suite is run by Playwright's own runner where its folder has a package.json, else by pytest.
An admin call with the key (DEV_API_KEY) has to be refused. The digest is read before and after.
"""


def run(context: Context) -> Result:
    """Key, digest, suites, digest again; then one decision over all of it."""

    from signalbox.evals import Material, blocks, decide, gather

    args = context.args
    watch = _Watched(context)
    extra = [*_key(context)]
    watch.read()
    results = Path(args.results).absolute()
    results.mkdir(parents=True, exist_ok=True)
    for name, command in _commands(context).items():
        extra.append(_run(context, name, command, results) if command else _absent(name))
    watch.read()
    material = Material(
        subject=context.subject(commit=args.sha, digest=args.digest),
        sessions=(),
        extra=[*extra, *watch.evidence()],
        # What ran is the caller's own code and wrote its own report.
        origin="self-reported",
    )
    inputs = gather(material, context.policy.settings.evals, now=context.stamp.at)
    decision = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
    return Result(
        decision=decision, inputs=inputs, blocks=blocks(decision), outputs={"results": str(results)}
    )


def _commands(context: Context) -> dict[str, str]:
    from signalbox.prepromote import e2e_command

    args = context.args
    folder = context.repo / args.e2e_dir if args.e2e_dir else None
    known = folder is not None and folder.is_dir()
    e2e = args.e2e or (e2e_command(folder) if folder is not None and known else "")
    return {"integration": args.integration, "e2e": e2e if known or args.e2e else ""}


def _absent(name: str) -> Evidence:
    from signalbox.decision import not_verified

    option = {"integration": "--integration", "e2e": "--e2e-dir"}[name]
    return not_verified(
        "tests", "zero-tests", f"no {name} suite ran: {option} names none that is there", source=name
    )


def _run(context: Context, name: str, command: str, results: Path) -> Evidence:
    from signalbox.evidence import Provenance, read
    from signalbox.prepromote import suite_evidence

    report = results / f"{name}.xml"
    report.unlink(missing_ok=True)
    context.say(f"running {name}")
    suite = _start(context, name, command, report)
    known = Provenance(origin="self-reported", tier="live-acceptance")
    found = read(report, provenance=known, name=report.name) if report.is_file() else None
    return suite_evidence(suite, found)


def _start(context: Context, name: str, command: str, report: Path) -> Suite:
    """One command in a session of its own, ended with all that it started when its time is up."""
    import contextlib
    import signal
    import subprocess

    from signalbox.prepromote import Suite

    args = context.args
    dropped = ("SIGNALBOX_", "GITHUB_TOKEN", "ACTIONS_")
    environ = {key: text for key, text in context.environ.items() if not key.startswith(dropped)}
    environ |= {"BASE_URL": args.url, "JUNIT": str(report), "E2E_DIR": args.e2e_dir}
    environ |= {"PLAYWRIGHT_JUNIT_OUTPUT_NAME": str(report), "PLAYWRIGHT_JUNIT_OUTPUT_FILE": str(report)}
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=context.repo,
        env=environ,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    code: int | None = None
    try:
        code = process.wait(timeout=args.minutes * 60)
    except subprocess.TimeoutExpired:
        context.say(f"{name} was still running after {args.minutes:g} minutes")
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
                break
    why = "" if code is not None else f"was ended after {args.minutes:g} minutes"
    return Suite(name=name, code=code, report=report, why=why)


def _key(context: Context) -> list[Evidence]:
    """The proof that the key lacks admin scope, or that there was none."""
    from signalbox.decision import not_verified
    from signalbox.prepromote import admin_scope
    from signalbox.signals.http import check_url, public

    args, key = context.args, context.environ.get("DEV_API_KEY", "")
    if not args.admin_url and not key:
        return []
    if not args.admin_url:
        text = "a dev key is used and no --admin-url is given, so nothing shows that it lacks admin scope"
        return [not_verified("dev-key", "scope-unproven", text, source="--admin-url")]
    if not key:
        text = "there is no dev key (DEV_API_KEY), so its scope cannot be proved"
        return [not_verified("dev-key", "no-key", text, source="DEV_API_KEY")]
    admin = _code(check_url(args.admin_url, "--admin-url"), key)
    probe = _code(check_url(args.probe_url, "--probe-url"), key) if args.probe_url else None
    return [admin_scope(admin, probe, source=public(args.admin_url), probed=bool(args.probe_url))]


def _code(url: str, key: str) -> int | None:
    """The HTTP code of a GET with the key as bearer token, no redirect followed; None without an answer."""
    import requests

    from signalbox.signals.http import new_session

    session = new_session(key)
    try:
        with session.request("GET", url, timeout=15, stream=True, allow_redirects=False) as answer:
            return int(answer.status_code)
    except requests.RequestException:
        return None
    finally:
        session.close()


class _Watched:
    """The running digest, read before the suites and after them."""

    def __init__(self, context: Context) -> None:
        from signalbox.evals.digests import Watch

        self.context, self.url = context, context.args.digest_url
        self.watch = Watch(context.args.digest)

    def read(self) -> None:
        from signalbox.signals.http import check_url, get, new_session

        if not self.url:
            return
        session = new_session()
        try:
            answer = get(session, check_url(self.url, "--digest-url"), timeout=15)
        finally:
            session.close()
        self.watch.see(answer.text if answer.state == "ok" else None, answer.detail)

    def evidence(self) -> list[Evidence]:
        from signalbox.decision import Evidence, not_verified
        from signalbox.signals.http import public

        if not self.url:
            text = "no --digest-url was given, so what ran there is not known"
            return [not_verified("evals-digest", "digest-unknown", text)]
        trouble = self.watch.trouble
        return [
            Evidence(
                kind="evals-digest",
                status="not_verified" if trouble else "pass",
                source=public(self.url),
                gaps=(trouble,) if trouble else (),
                observed_at=self.context.stamp.at,
                tier="live-acceptance",
                facts={"digest": self.watch.first, "readings": self.watch.readings},
            )
        ]


def main() -> int:
    """Entry point."""
    command = Command("run_e2e", __doc__ or "", epilog=EXAMPLES)
    command.option("--url", metavar="URL", help="the endpoint under test")
    command.option("--integration", metavar="COMMAND", help="the integration suite's command")
    command.option("--e2e-dir", metavar="DIR", help="folder of the Playwright tests, in the working tree")
    command.option("--e2e", metavar="COMMAND", help="another command for them")
    command.option("--digest", metavar="SHA256", help="the artifact under test, sha256:…")
    command.option("--sha", metavar="COMMIT", help="the commit it was built from")
    command.option("--digest-url", metavar="URL", help="tells the digest that runs; read before and after")
    command.option("--admin-url", metavar="URL", help="an admin call that the dev key must be refused")
    command.option("--probe-url", metavar="URL", help="a plain call that the dev key must be allowed")
    command.option("--results", default=".signalbox/e2e", metavar="DIR", help="where JUnit reports go")
    command.option("--minutes", type=float, default=30.0, metavar="N", help="most minutes for each suite")
    return command.run(run)


if __name__ == "__main__":
    sys.exit(main())
