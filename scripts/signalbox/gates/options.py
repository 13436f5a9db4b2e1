"""What ``check_gate.py`` takes."""

from __future__ import annotations

from typing import Any, Protocol


class Takes(Protocol):
    """A command that options can be added to."""

    def option(self, name: str, *, default: Any = "", **rest: Any) -> None: ...  # noqa: D102


def add_options(command: Takes) -> None:
    """Add every option."""
    flag = {"action": "store_true", "default": False}
    add = command.option
    add(
        "--gate",
        metavar="NAME",
        help="gate-3, gate-5, gate-6, gate-7, evidence, readiness, or one of the policy's own",
    )
    add("--evidence", metavar="DIR", help="folder of records, decisions and reports")
    add("--needs", metavar="JSON", help="results of this run's jobs, as toJSON(needs) gives them")
    add("--ask-github", help="read check runs and statuses of --sha", **flag)
    add("--digest", metavar="SHA256", help="the artifact this is about, sha256:…")
    add("--sha", metavar="COMMIT", help="the commit this is about, 40 hex digits")
    add("--base", metavar="REF", help="what the change is compared with: its commits and authors are read")
    add("--head", metavar="REF", help="its end (default: --sha, or HEAD)")
    add("--pusher", metavar="LOGIN", help="who pushed last: that person's approval does not count")
    add("--risk", choices=("", "low", "medium", "high"), help="the change's risk tier, if assessed")
    add(
        "--severity",
        choices=("", "none", "low", "medium", "high", "critical"),
        help="worst finding that was found and closed or waived in this change (default: from the scans)",
    )
    add(
        "--classification",
        choices=("", "Public", "Internal", "Confidential", "Restricted"),
        help="how the change is classified, if more than policy says",
    )
    add("--approvals", metavar="FILE", help="signed approvals, a list")
    add("--nonce", metavar="TEXT", help="what approvals must answer (default: --run-id)")
    add(
        "--pull",
        metavar="N",
        help="pull request: its reviews count, and --publish comments there; merged: the one that made --sha",
    )
    add("--run-id", metavar="N", help="workflow run whose environment approvals count")
    add(
        "--adapter",
        metavar="NAME",
        help="what moves the traffic, such as haproxy: what a drill must have used",
    )
    add("--deployment", metavar="NAME", help="what a standing approval is for")
    add("--standing-approval", metavar="FILE", help="write it there when the gate lets the deployment pass")
    add("--hours", type=float, default=24.0, help="how long an approval stands")
    add("--incidents", metavar="DIR", help="incident records, as propose_rollback.py writes them")
    add("--prometheus", metavar="URL", help="ask there whether this digest is monitored")
    add(
        "--monitoring-query",
        metavar="PROMQL",
        default='count(up{digest="{digest}"})',
        help="counts the fresh series of {digest}",
    )
    add("--hand-over", metavar="FILE", help="write who gets which failure, JSON")
    add("--not-applicable", metavar="WHY", help="report that the gate has nothing to say here, and pass")
    add("--publish", help="set the commit status and keep one comment on --pull", **flag)
    add("--protection-rule", metavar="NAME", help="answer this environment's protection rule for --run-id")
    add("--entering", metavar="PLACE", help="instead of a gate: may this be in that environment?")
    add("--ref", metavar="REF", help="with --entering: a branch, or a full ref such as refs/tags/v1.2.0")
    add("--data", metavar="KIND", help="with --entering: source, test-data, secrets, prompts, run-records …")
    add("--value", metavar="NAME", help="with --data: what it is, such as synthetic or production-vault")
    add("--origin", metavar="PLACE", help="with --data: the environment it comes from")
    add("--attestation", metavar="FILE", help="with --data: a person's signed word that it was anonymised")
    add(
        "--claims",
        metavar="FILE",
        help="with --gate evidence: criteria, proof and CI, JSON; readiness: what is known",
    )
    add("--explain", help="show every line, why it is asked and who can answer it", **flag)
    add("--lint", help="only look at the policy", **flag)
    add(
        "--lower-trust",
        help="only lower the trust of agents whose work escaped, by --ledger; --publish commits it",
        **flag,
    )
    add("--approve", metavar="PERSON", help="add that person's signed approval to --approvals instead")
    add("--reject", help="with --approve: say no", **flag)
    add("--role", metavar="NAME", help="with --approve: the role it is given in")
    add("--key", metavar="FILE", help="with --approve: the SSH key that signs")
    add("--add-trailers", metavar="FILE", help="add AI attribution to this commit message instead")
    add("--usage", choices=("none", "assisted", "generated", "reviewed"), default="none", help="AI-Usage")
    add("--agents", metavar="NAMES", help="Agent-IDs, separated by spaces")
    add("--prompts", metavar="REFS", help="AI-Prompt-Ref, separated by spaces")
