"""From options and policy to the parts of a run; everything that can be wrong is found here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from signalbox.config.rollout import Rollout
from signalbox.errors import InputError
from signalbox.rollout.observe import DirectSource, PrometheusSource, Source

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


def parse_slices(text: str) -> tuple[float, ...]:
    """``10,25,50,100``: percent, each larger than the one before, the last 100."""
    try:
        slices = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{text!r} is not a list of percentages", where="--slices", fix="For example 10,25,50,100."
        ) from None
    return check_slices(slices, "--slices")


def check_slices(slices: tuple[float, ...], where: str) -> tuple[float, ...]:
    """``slices`` if they increase and end at 100."""
    if not slices or not all(0 < one <= 100 for one in slices):
        raise InputError("slices are percentages above 0 and up to 100", where=where)
    if any(b <= a for a, b in pairwise(slices)):
        raise InputError(f"the slices do not increase: {_list(slices)}", where=where)
    if slices[-1] != 100:
        raise InputError(
            f"the last slice is {slices[-1]:g}, not 100",
            where=where,
            fix="A rollout ends with all traffic; to keep a control share set rollout.control-share.",
        )
    return slices


def _list(slices: Sequence[float]) -> str:
    return ", ".join(f"{one:g}" for one in slices)


def check_rules(rules: Rollout) -> None:
    """What single fields cannot know about each other."""
    if not rules.signals or len(set(rules.signals)) != len(rules.signals):
        raise InputError("rollout.signals must name each signal once, and at least one", where="policy")
    if len(set(rules.judged)) != len(rules.judged):
        raise InputError("two signals have one name", where="policy: rollout.ratios")
    for ratio in rules.ratios:
        where = f"policy: rollout.ratios, {ratio.name}"
        if bool(ratio.bad) == bool(ratio.good):
            raise InputError("a ratio has bad or good, one of the two", where=where)
        for query in (ratio.total, ratio.bad or ratio.good):
            if "$selector" not in query:
                raise InputError(
                    "the query does not say whose counts it wants",
                    where=where,
                    why=query,
                    fix="Put $selector between the braces, where the arm's label matchers go.",
                )
    if len(rules.slices) > 1 and 100 - rules.control_share <= rules.slices[-2]:
        raise InputError(
            "rollout.control-share leaves the last slice no larger than the one before", where="policy"
        )
    if rules.look_seconds > rules.slice_seconds:
        raise InputError("a slice is shorter than the time between two looks", where="--slice-seconds")


def check_number(value: float, option: str) -> None:
    """``InputError`` unless ``value`` can be seconds, milliseconds or, for the error objective, a share."""
    most = 1.0 if option == "--error-objective" else math.inf
    # Written so that nan, which no comparison holds for, is refused too.
    if not 0 <= value < most:
        below = f"below {most:g}" if math.isfinite(most) else "finite"
        raise InputError(f"must be positive and {below}", where=option)


def check_name(deployment: str) -> str:
    """``deployment`` if it can be a name."""
    if not _NAME.fullmatch(deployment):
        raise InputError(
            f"{deployment!r} is not the name of a deployment",
            where="--deployment",
            fix="Letters, digits, dots, dashes, underscores and slashes.",
        )
    return deployment


def check_digest(digest: str) -> str:
    """``digest`` if it is one: the rollout, its approval and its record are bound to it."""
    if not _DIGEST.fullmatch(digest):
        raise InputError(
            f"{digest!r} is not a digest", where="--digest", fix="Give sha256: and 64 hexadecimal digits."
        )
    return digest


def open_source(
    *,
    prometheus: str,
    metrics_urls: Sequence[str],
    deployment: str,
    rules: Rollout,
    new_session: Callable[[], Any],
    now: Callable[[], float],
    timeout: float = 3.0,
) -> Source:
    """Prometheus or ``/metrics``, as asked; ``InputError`` unless it is exactly one of them."""
    from signalbox.signals.http import check_url

    if bool(prometheus) == bool(metrics_urls):
        raise InputError(
            "signals come from --prometheus or from --metrics-url, one of the two",
            where="--prometheus",
            fix="Without a Prometheus: --metrics-url canary=URL --metrics-url baseline=URL.",
        )
    if prometheus:
        from signalbox.signals import Prometheus

        client = Prometheus(
            check_url(prometheus, "--prometheus"),
            session=new_session(),
            now=now,
            timeout=timeout,
            stale_seconds=rules.stale_seconds,
        )
        canary, baseline = (
            selector.replace("{deployment}", deployment)
            for selector in (rules.canary_selector, rules.baseline_selector)
        )
        selectors = (canary, baseline)
        for selector in selectors:
            client.check(f'count({{__name__!="",{selector}}})', "policy: rollout selectors")
        for ratio in rules.ratios:
            for query in (ratio.total, ratio.bad or ratio.good):
                for selector in selectors:
                    where = f"policy: rollout.ratios, {ratio.name}"
                    client.check(query.replace("$selector", selector), where)
        return PrometheusSource(client, canary, baseline, rules.ratios)
    if rules.ratios:
        raise InputError(
            "ratios are PromQL and need --prometheus",
            where="policy: rollout.ratios",
            fix="Give --prometheus instead of --metrics-url, or take the ratios out.",
        )
    arms: dict[str, list[str]] = {"canary": [], "baseline": []}
    for given in metrics_urls:
        arm, _, url = given.partition("=")
        if arm not in arms or not url:
            raise InputError(
                f"{given!r} does not say whose metrics it is",
                where="--metrics-url",
                fix="Give canary=URL or baseline=URL.",
            )
        arms[arm].append(check_url(url, "--metrics-url"))
    for arm, urls in arms.items():
        if not urls:
            raise InputError(f"no --metrics-url {arm}=URL was given", where="--metrics-url")
        if len(set(urls)) != len(urls):
            raise InputError(f"a URL of the {arm} is there twice", where="--metrics-url")
    from signalbox.signals import Endpoints

    session = new_session()
    return DirectSource(
        Endpoints(arms["canary"], session=session, now=now, timeout=timeout),
        Endpoints(arms["baseline"], session=session, now=now, timeout=timeout),
    )
