"""Proof that the dev key lacks admin scope: an admin call with it has to be refused. Pure."""

from __future__ import annotations

from signalbox.decision import Evidence, Gap

KIND = "dev-key"


def admin_scope(admin: int | None, probe: int | None, *, source: str, probed: bool) -> Evidence:
    """Evidence from HTTP codes (None: no answer): of an admin call with the key, and of a plain one.

    A key that is refused everywhere proves nothing, so where a plain call was made it must be accepted.
    """
    status, gap = "not_verified", None
    if admin is None:
        gap = Gap("admin-unreachable", "the admin call got no answer, so the key's scope is not known")
    elif 200 <= admin < 300:
        status = "fail"
        gap = Gap(
            "admin-scope", f"the dev key may make admin calls (HTTP {admin}): give one without that scope"
        )
    elif admin not in (401, 403):
        gap = Gap("admin-unclear", f"the admin call got HTTP {admin}; only 401 or 403 shows a refusal")
    elif probed and (probe is None or not 200 <= probe < 300):
        said = "no answer" if probe is None else f"HTTP {probe}"
        gap = Gap("key-unproven", f"the key was refused, but a plain call with it got {said} as well")
    else:
        status = "pass"
    return Evidence(
        kind=KIND,
        status=status,  # type: ignore[arg-type]
        source=source,
        gaps=(gap,) if gap else (),
        tier="live-acceptance",
        facts={"admin": admin or 0, "probe": probe or 0},
    )
