"""From draws to findings: every role against the baseline, every critical case against its floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from signalbox.config.evals import Critical, Evals
from signalbox.evals.inputs import Case
from signalbox.stats.betting import Round
from signalbox.stats.binomial import lower_bound, upper_bound
from signalbox.stats.noninferiority import Trial, fixed_design, trial
from signalbox.stats.signflip import holm

State = Literal["pass", "fail", "undecided"]


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One role. ``fixed`` is what a design that looks once would have drawn for the same errors."""

    name: str
    cases: int
    new: int
    margin: float
    state: State
    trial: Trial
    p_block: float
    baseline_rate: float
    candidate_rate: float
    passed: int
    drawn: int
    judged: bool
    stored: int
    fixed: int


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """One critical case: pass^k with its exact interval, on the first ``wanted`` draws."""

    case: str
    role: str
    state: State
    passed: int
    drawn: int
    wanted: int
    low: float
    high: float


def rounds_of(cases: Sequence[Case]) -> list[Round]:
    """Balanced rounds of the cases that both arms know: draw i of each case, as far as all of them reach."""
    known = [case for case in cases if case.baseline and case.candidate]
    if not known or len(known) < sum(bool(case.baseline) for case in cases):
        return []
    length = min(min(len(case.candidate), len(case.baseline)) for case in known)
    rounds = []
    for index in range(length):
        pairs = [(case.candidate[index], case.baseline[index]) for case in known]
        worse = sum(pair == ("0", "1") for pair in pairs)
        better = sum(pair == ("1", "0") for pair in pairs)
        rounds.append(Round(worse, len(pairs) - worse - better, better))
    return rounds


def by_role(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Role → its cases, by name."""
    roles: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda one: (one.role, one.id)):
        roles.setdefault(case.role, []).append(case)
    return roles


def compare(cases: Sequence[Case], settings: Evals) -> list[Role]:
    """Every role's trial. Passing needs each role at full α (all must pass); failing one is a union, so its
    p-values are adjusted over the roles (Holm)."""
    groups = by_role(cases)
    trials = {name: _trial(name, group, settings, len(groups)) for name, group in groups.items()}
    adjusted = dict(zip(trials, holm([one.p_below for one in trials.values()]), strict=True))
    return [_role(name, groups[name], trials[name], adjusted[name], settings) for name in trials]


def _trial(name: str, cases: Sequence[Case], settings: Evals, roles: int) -> Trial:
    # A trial ends on its own only where no adjustment over the roles can undo the finding.
    return trial(
        rounds_of(cases),
        margin=settings.margins.get(name, settings.margin),
        alpha=settings.alpha,
        block_alpha=settings.block_alpha / roles,
        budget=settings.budget,
    )


def _role(name: str, cases: Sequence[Case], one: Trial, p_block: float, settings: Evals) -> Role:
    known = [case for case in cases if case.baseline]
    margin = settings.margins.get(name, settings.margin)
    state: State = "undecided"
    if p_block <= settings.block_alpha:
        state = "fail"
    elif one.outcome == "non-inferior":
        state = "pass"
    used = [(case.candidate[: one.rounds], case.baseline[: one.rounds]) for case in known]
    passed = sum(candidate.count("1") for candidate, _ in used)
    stored = sum(baseline.count("1") for _, baseline in used)
    drawn = max(one.draws, 1)
    return Role(
        name=name,
        cases=len(cases),
        new=len(cases) - len(known),
        margin=margin,
        state=state,
        trial=one,
        p_block=p_block,
        baseline_rate=stored / drawn,
        candidate_rate=passed / drawn,
        passed=passed,
        drawn=one.draws,
        judged=any(case.judged for case in cases),
        stored=min((len(case.baseline) for case in known), default=0),
        fixed=fixed_design(max(one.variance, 0.02), margin=margin, alpha=settings.alpha, power=0.99),
    )


def floors(cases: Sequence[Case], settings: Critical) -> list[Floor]:
    """Every critical case against its floor, on a number of draws fixed beforehand."""
    return [_floor(case, settings) for case in cases if case.critical]


def _floor(case: Case, settings: Critical) -> Floor:
    draws = case.candidate[: settings.draws]
    passed, left = draws.count("1"), settings.draws - len(draws)
    # Settled early only where the draws that are still to come cannot change it: so the number of draws
    # stays fixed, and the interval exact, although it is looked at on the way.
    state: State = "undecided"
    if _bound(lower_bound(passed, settings.draws, settings.confidence), settings) >= settings.floor:
        state = "pass"
    elif _bound(upper_bound(passed + left, settings.draws, settings.confidence), settings) < settings.floor:
        state = "fail"
    return Floor(
        case=case.id,
        role=case.role,
        state=state,
        passed=passed,
        drawn=len(draws),
        wanted=settings.draws,
        low=_bound(lower_bound(passed, len(draws), settings.confidence), settings),
        high=_bound(upper_bound(passed, len(draws), settings.confidence), settings),
    )


def _bound(share: float, settings: Critical) -> float:
    return share**settings.k


def undecided(cases: Sequence[Case], settings: Evals) -> tuple[Mapping[str, Trial], Mapping[str, int], bool]:
    """What is still open: roles worth another round, roles whose critical cases lack draws (how many), and
    whether a failure is shown already, so that nothing more needs to be bought."""
    roles = compare(cases, settings)
    open_roles = {
        role.name: role.trial
        for role in roles
        if role.state == "undecided"
        and not role.trial.futile
        and role.stored > role.trial.rounds
        and role.trial.draws + (role.cases - role.new) <= settings.budget
    }
    lacking: dict[str, int] = {}
    for floor in floors(cases, settings.critical):
        if floor.state == "undecided" and floor.drawn < floor.wanted:
            lacking[floor.role] = max(lacking.get(floor.role, 0), floor.wanted - floor.drawn)
    states = [role.state for role in roles] + [floor.state for floor in floors(cases, settings.critical)]
    return open_roles, lacking, "fail" in states
