"""Records as MLflow runs, over its REST interface, so that no client has to be installed.

A decision is one run of the experiment `signalbox/<kind>`: parameters are its policy, mode, models and
features; metrics its score, propensity and other numbers; tags its sha, verdict and the record's name, and
the bundle is its artifact. An outcome becomes tags of its decision's run. A run is looked for by the record's
name before it is made, so sending a record again makes no second one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from signalbox.decision import parse_time
from signalbox.errors import InputError
from signalbox.ledger.http_sink import check_url, request
from signalbox.ledger.reading import Entry
from signalbox.ledger.sinks import SinkDown

_PLAIN = re.compile(r"[^0-9A-Za-z_./ -]")
_ARTIFACTS = "mlflow-artifacts:/"


class MlflowSink:
    """Runs on a tracking server at `url`; `token` is sent as a bearer token."""

    def __init__(self, url: str, token: str = "") -> None:
        self.name = "mlflow"
        self._url = check_url(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._experiments: dict[str, str] = {}

    def send(self, entry: Entry) -> None:
        """Send one record; SinkDown when the server did not take it."""
        if entry.kind == "outcome":
            self._outcome(entry)
        else:
            self._decision(entry)

    def _decision(self, entry: Entry) -> None:
        made = entry.data["decision"]
        experiment = self._experiment(f"signalbox/{entry.kind}")
        run = self._find([experiment], f"tags.`signalbox.record` = '{entry.name}'")
        if run is None:
            at = _milliseconds(str(made["decided_at"]))
            tags = {"signalbox.record": entry.name, "mlflow.runName": f"{entry.kind} {entry.id[:8]}"}
            asked = {"experiment_id": experiment, "start_time": at, "tags": _pairs(tags)}
            run = self._call("POST", "runs/create", asked)["run"]
        ident = run["info"]["run_id"]
        params, metrics, tags = described(entry)
        at = run["info"].get("start_time", 0)
        body = {
            "run_id": ident,
            "params": _pairs(params),
            "tags": _pairs(tags),
            "metrics": [{"key": k, "value": v, "timestamp": at, "step": 0} for k, v in metrics.items()],
        }
        self._call("POST", "runs/log-batch", body)
        self._artifact(str(run["info"].get("artifact_uri", "")), entry)
        self._call("POST", "runs/update", {"run_id": ident, "status": "FINISHED", "end_time": at})

    def _outcome(self, entry: Entry) -> None:
        told = entry.data
        decision = str(told.get("decision") or "")
        tags = {
            "signalbox.label": told.get("label"),
            "signalbox.label.source": told.get("source"),
            "signalbox.label.outcome": entry.id,
        }
        found = self._call("GET", "experiments/search?max_results=1000").get("experiments", [])
        ours = [e["experiment_id"] for e in found if str(e.get("name", "")).startswith("signalbox/")]
        safe = re.fullmatch(r"[0-9A-Za-z_-]{1,80}", decision)
        run = self._find(ours, f"tags.`signalbox.decision` = '{decision}'") if ours and safe else None
        if run is not None:  # one about something else that was never decided here stays in the ledger alone
            self._call("POST", "runs/log-batch", {"run_id": run["info"]["run_id"], "tags": _pairs(tags)})

    def _experiment(self, name: str) -> str:
        if name in self._experiments:
            return self._experiments[name]
        path = f"experiments/get-by-name?experiment_name={quote(name, safe='')}"
        found = self._call("GET", path, may_fail=True).get("experiment")
        if found is None:
            made = self._call("POST", "experiments/create", {"name": name}, may_fail=True)
            # Refused means that another writer made it just now.
            found = made if "experiment_id" in made else self._call("GET", path)["experiment"]
        self._experiments[name] = str(found["experiment_id"])
        return self._experiments[name]

    def _find(self, experiments: list[str], condition: str) -> dict[str, Any] | None:
        asked = {"experiment_ids": experiments, "filter": condition, "max_results": 1}
        runs = self._call("POST", "runs/search", asked).get("runs") or []
        return dict(runs[0]) if runs else None

    def _artifact(self, uri: str, entry: Entry) -> None:
        """Only through the server itself: another store would need its own client and credentials."""
        if not uri.startswith(_ARTIFACTS):
            return
        path = quote(uri.removeprefix(_ARTIFACTS).lstrip("/"), safe="/")
        url = f"{self._url}/api/2.0/mlflow-artifacts/artifacts/{path}/bundle.json"
        status, _ = request("PUT", url, raw=entry.raw, headers=self._headers)
        if status != 200:
            raise SinkDown(f"{url}: status {status}")

    def _call(self, method: str, path: str, body: Any = None, *, may_fail: bool = False) -> dict[str, Any]:
        url = f"{self._url}/api/2.0/mlflow/{path}"
        status, answer = request(method, url, body, headers=self._headers)
        if status != 200 and not may_fail:
            raise SinkDown(f"{method} {url}: status {status}, {answer.get('message', '')}")
        return answer


def described(entry: Entry) -> tuple[dict[str, str], dict[str, float], dict[str, str]]:
    """Parameters, metrics and tags of a decision's run."""
    made = entry.data["decision"]
    subject, outputs, policy = (made.get(key) or {} for key in ("subject", "outputs", "policy"))
    models = {f"model.{name}": version for name, version in (made.get("models") or {}).items()}
    told = outputs.get("features")
    features = told if isinstance(told, Mapping) else {}
    params = {"policy": policy.get("sha256"), "mode": made.get("mode"), **models}
    params |= {f"feature.{name}": value for name, value in features.items()}
    metrics = {"propensity": made.get("propensity"), **outputs}
    tags = {
        "signalbox.decision": made.get("id"),
        "signalbox.verdict": made.get("verdict"),
        "signalbox.kind": made.get("kind"),
        "signalbox.trusted": str(entry.trusted).lower(),
        "signalbox.digest": subject.get("digest"),
        "mlflow.source.git.commit": subject.get("commit"),
        "signalbox.environment": subject.get("environment"),
    }
    return _texts(params), _numbers(metrics), _texts(tags)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {_PLAIN.sub("_", k)[:250]: str(v)[:500] for k, v in values.items() if v not in (None, "")}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        _PLAIN.sub("_", key)[:250]: float(value)
        for key, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in values.items() if value is not None]


def _milliseconds(at: str) -> int:
    try:
        return int(parse_time(at).timestamp() * 1000)
    except ValueError as error:
        raise InputError("the record's time cannot be read", where=at, why=str(error)) from None
