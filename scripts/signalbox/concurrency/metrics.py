"""The plan's demand for runners as Prometheus metrics, which KEDA or any autoscaler can ask for."""

from __future__ import annotations

from signalbox.decision import Decision

_HELP = {
    "signalbox_runners_wanted": "Jobs that the newest plan starts at once.",
    "signalbox_jobs_waiting": "Jobs that waited for runners when the plan was made.",
    "signalbox_runner_seconds_planned": "Seconds of runners that the plan is billed for.",
}


def exposition(decision: Decision) -> str:
    """Text in Prometheus' format, labelled by repository and the label of the runners."""
    outputs = decision.outputs
    wanted = len(outputs["matrix"]["include"]) + len(outputs["concurrency_matrix"]["include"])
    billed = next((r["billed_minutes"] for r in outputs["costs"] if r["runners"] == outputs["runners"]), 0)
    values = {
        "signalbox_runners_wanted": wanted,
        "signalbox_jobs_waiting": outputs["waiting"],
        "signalbox_runner_seconds_planned": 60 * billed,
    }
    labels = {"repository": decision.subject.repository, "runner": str(outputs["runner"])}
    shown = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    rows = []
    for name, value in values.items():
        # What nobody knows has no sample: a zero would scale a fleet down.
        if value is not None:
            rows += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", f"{name}{{{shown}}} {value}"]
    return "\n".join(rows) + "\n"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
