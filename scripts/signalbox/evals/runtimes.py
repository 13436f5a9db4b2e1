"""Who is evaluated and who judges, by name: ``runtimes.yaml`` beside the config; what a paid one needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from signalbox.decision import Gap
from signalbox.errors import InputError
from signalbox.evals.baseline import Baseline
from signalbox.evals.model import Session
from signalbox.files import read_limited

FILE = "runtimes.yaml"
Part = Literal["TARGET", "JUDGE"]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Runtime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key`` is the name of the variable that holds the key; ``paid`` is None where nobody says."""

    url: Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://\S+\Z", max_length=300)]
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    key: Annotated[str, msgspec.Meta(pattern=r"\A(?:[A-Z][A-Z0-9_]*)?\Z")] = ""
    paid: bool | None = None


def read_runtimes(data: bytes, *, where: str) -> dict[str, Runtime]:
    """Name → runtime; ``InputError`` says which is wrong. One elsewhere must say whether it is paid for."""
    try:
        found = msgspec.convert(yaml.safe_load(data.decode()), dict[str, Runtime])
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise InputError("these runtimes cannot be read", where=where, why=str(error)[:300]) from None
    for name, one in found.items():
        if one.paid is None and urlsplit(one.url).hostname not in _LOOPBACK:
            raise InputError(
                f"the runtime {name} is not on this machine and does not say whether it is paid for",
                where=where,
                fix="Write paid: true or paid: false.",
            )
    return found


def environment(
    name: str, part: Part, runtimes: Mapping[str, Runtime], environ: Mapping[str, str], *, paid: bool
) -> dict[str, str]:
    """The variables that make a config ask the runtime ``name`` as target or judge; none without a name."""
    if not name:
        return {}
    option = {"TARGET": "--runtime", "JUDGE": "--judge-runtime"}[part]
    one = runtimes.get(name)
    if one is None:
        known = ", ".join(runtimes) or "none"
        raise InputError("there is no such runtime", where=option, why=name[:80], fix=f"Known: {known}.")
    if one.paid and not paid:
        raise InputError(f"{name} is paid for", where=option, fix="Give --paid to spend money on it.")
    key = environ.get(one.key, "") if one.key else "none"
    if not key:
        raise InputError(f"{name} needs a key", where=option, why=f"{one.key} is not set")
    return {f"EVALS_{part}_URL": one.url, f"EVALS_{part}_MODEL": one.model, f"EVALS_{part}_KEY": key}


def chosen(
    config: str, target: str, judge: str, environ: Mapping[str, str], *, paid: bool
) -> Mapping[str, str]:
    """``environ`` with the endpoints of the runtimes that were chosen by name, from beside the config."""
    if not (target or judge):
        return environ
    if not config:
        raise InputError("a runtime is chosen for a config that is run", where="--promptfoo")
    path = Path(config).parent / FILE
    known = read_runtimes(read_limited(path, 1 << 20, "runtimes"), where=str(path))
    asked = environment(target, "TARGET", known, environ, paid=paid)
    return {**environ, **asked, **environment(judge, "JUDGE", known, environ, paid=paid)}


def telemetry_gaps(sessions: Sequence[Session]) -> list[Gap]:
    """Sessions that asked somebody and do not say what it cost."""
    asked = [one for one in sessions if one.spent.target_calls or one.spent.judge_calls]
    silent = sum(not one.spent.tokens for one in asked)
    if asked and not silent:
        return []
    text = f"{silent} of {len(asked)} sessions report no tokens, so what they cost is not known"
    return [Gap("no-telemetry", text if asked else "nobody was asked, so there is no telemetry")]


def narrowed(baseline: Baseline | None, suite: str) -> Baseline | None:
    """The baseline of one layer's cases alone."""
    if baseline is None or not suite:
        return baseline
    cases = tuple(case for case in baseline.cases if case.layer == suite)
    kept = {case.id for case in cases}
    if not cases:
        layers: list[str] = sorted({case.layer for case in baseline.cases if case.layer})
        fix = f"Known: {', '.join(layers)}."
        raise InputError("the baseline has no case of this suite", where="--suite", why=suite[:80], fix=fix)
    outputs = tuple(one for one in baseline.outputs if one.case in kept)
    return msgspec.structs.replace(baseline, cases=cases, outputs=outputs)


def left_out(baseline: Baseline | None, suite: str) -> dict[str, str]:
    """The layers that ``--suite`` leaves out, each as a skip with its reason."""
    if baseline is None or not suite:
        return {}
    others: set[Any] = {case.layer for case in baseline.cases if case.layer} - {suite}
    return dict.fromkeys(sorted(others), f"only the suite {suite} was asked for")


def check_suite(name: str) -> str:
    """A layer's name that can stand in the runner's filter."""
    if name and not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", name):
        raise InputError("this is no suite", where="--suite", why=repr(name[:80]), fix="Such as adversarial.")
    return name
