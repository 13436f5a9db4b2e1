"""SARIF 2.1.0. Levels are resolved as section 3.27.10 of the standard says, not read off the result alone."""

from __future__ import annotations

from typing import Any

from signalbox.decision import Gap, Subject
from signalbox.evidence.findings import Finding, findings_reading, key_of, severity_of_score
from signalbox.evidence.reading import JsonReader, Reading, Untrusted
from signalbox.evidence.values import mapping, objects, one_of, text

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "none"}
_KINDS = frozenset({"fail", "pass", "notApplicable", "informational", "open", "review"})
_BASELINE = frozenset({"", "new", "unchanged", "updated", "absent"})


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and (
        "runs" in document or "sarif" in text(document.get("$schema")).lower()
    )


def _read(document: Any) -> Reading:
    version = document.get("version")
    if version != "2.1.0":
        raise Untrusted("bad-version", f"SARIF version {str(version)[:20]!r}; 2.1.0 is read here")
    runs = objects(document.get("runs"), "runs")
    if not runs:
        raise Untrusted("no-runs", "the log holds no run: no tool reported anything")
    findings: list[Finding] = []
    gaps: dict[str, Gap] = {}
    facts: dict[str, Any] = {"tools": [], "not_findings": 0, "absent": 0, "undetermined": 0}
    times, commits = [], set()
    for index, run in enumerate(runs):
        reader = _Run(run, f"runs[{index}]", gaps)
        facts["tools"].append(reader.tool)
        findings += reader.findings(facts)
        times += reader.times
        commits |= reader.commits
    if facts["undetermined"]:
        gaps["undetermined"] = Gap(
            "undetermined", f"{facts['undetermined']} results are open or need a person's review"
        )
    reading = findings_reading(findings, facts, list(gaps.values()))
    return Reading(
        status=reading.status,
        facts=reading.facts,
        gaps=reading.gaps,
        observed_at=min(times, default=None),
        subject=Subject(commit=commits.pop() if len(commits) == 1 else ""),
        producer=", ".join(sorted(set(facts["tools"])))[:200],
    )


class _Run:
    """One tool's run: its components' rules, and whether it can be believed."""

    def __init__(self, run: dict[str, Any], where: str, gaps: dict[str, Gap]) -> None:
        self.run, self.where, self.gaps = run, where, gaps
        tool = mapping(run.get("tool"), f"{where}.tool")
        driver = mapping(tool.get("driver"), f"{where}.tool.driver")
        extensions = tool.get("extensions") or []
        self.components = [driver, *objects(extensions, f"{where}.tool.extensions")]
        self.rules = [objects(c.get("rules") or [], f"{where} rules") for c in self.components]
        self.by_id = [{text(rule.get("id")): rule for rule in rules} for rules in self.rules]
        self.tool = text(driver.get("name"), "a tool without a name")[:80]
        self.times: list[str] = []
        self.invocations = objects(run.get("invocations") or [], f"{where}.invocations")
        self._check_invocations()
        origins = objects(run.get("versionControlProvenance") or [], f"{where}.versionControlProvenance")
        self.commits = {text(o.get("revisionId")) for o in origins if text(o.get("revisionId"))}

    def _gap(self, code: str, message: str) -> None:
        self.gaps.setdefault(code, Gap(code, f"{self.tool}: {message}"))

    def _check_invocations(self) -> None:
        for invocation in self.invocations:
            # The property is required; a writer that leaves it out has not said that it succeeded.
            if invocation.get("executionSuccessful") is not True:
                self._gap("tool-failed", "the run did not end successfully, so its results are incomplete")
            if text(invocation.get("endTimeUtc")):
                self.times.append(text(invocation["endTimeUtc"]))
            for side in ("toolExecutionNotifications", "toolConfigurationNotifications"):
                for note in objects(invocation.get(side) or [], f"{self.where}.{side}"):
                    if note.get("level") == "error":
                        self._gap("tool-errors", "the tool reported errors while it ran")
        if self.run.get("externalPropertyFileReferences"):
            self._gap("elsewhere", "part of the run is in external files, which are not followed")

    def findings(self, facts: dict[str, Any]) -> list[Finding]:
        results = self.run.get("results")
        if results is None:
            # Section 3.14.23: no results property means that the tool did not look, [] that it found nothing.
            self._gap("no-results", "the run holds no results: the tool did not get as far as looking")
            return []
        found = []
        for index, result in enumerate(objects(results, f"{self.where}.results")):
            finding = self._finding(result, f"{self.where}.results[{index}]", facts)
            if finding is not None:
                found.append(finding)
        return found

    def _finding(self, result: dict[str, Any], where: str, facts: dict[str, Any]) -> Finding | None:
        kind = one_of(result.get("kind", "fail"), _KINDS, f"{where}.kind")
        state = one_of(result.get("baselineState", ""), _BASELINE, f"{where}.baselineState")
        if state == "absent":
            facts["absent"] += 1
            return None
        if kind in ("open", "review"):
            facts["undetermined"] += 1
            return None
        if kind != "fail":
            facts["not_findings"] += 1
            return None
        rule_id, rule = self._rule(result, where)
        message = _message(result, rule)
        place, line = _place(result)
        return Finding(
            key=key_of(self.tool, rule_id, place, *_fingerprint(result, message)),
            id=rule_id[:200],
            severity=self._severity(result, rule, where),
            where=f"{place}:{line}" if line else place,
            title=message[:200],
            state=state,
            suppressed=_suppressed(result),
        )

    def _rule(self, result: dict[str, Any], where: str) -> tuple[str, dict[str, Any]]:
        """The rule's id and descriptor: by component and index, else by id, where "A/b" is rule "A" too."""
        reference = mapping(result.get("rule") or {}, f"{where}.rule")
        rule_id = text(reference.get("id")) or text(result.get("ruleId"))
        index = reference.get("index", result.get("ruleIndex", -1))
        component = mapping(reference.get("toolComponent") or {}, f"{where}.rule.toolComponent")
        number = component.get("index", -1)
        if isinstance(number, int) and 0 <= number < len(self.components) - 1:
            places = [number + 1]
        elif text(component.get("name")):
            places = [i for i, c in enumerate(self.components) if c.get("name") == component["name"]]
        else:
            places = [0]
        for at in places:
            if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(self.rules[at]):
                rule = self.rules[at][index]
                own = text(rule.get("id"))
                if not rule_id or own == rule_id or rule_id.startswith(f"{own}/"):
                    return rule_id or own, rule
                self._gap("rule-mismatch", f"a result of rule {rule_id[:60]!r} points at rule {own[:60]!r}")
        for at in [*places, *range(len(self.components))]:
            for name in (rule_id, rule_id.rpartition("/")[0]):
                if name and name in self.by_id[at]:
                    return rule_id, self.by_id[at][name]
        return rule_id or "(no rule)", {}

    def _severity(self, result: dict[str, Any], rule: dict[str, Any], where: str) -> str:
        for holder in (result, rule):
            properties = holder.get("properties")
            if isinstance(properties, dict) and "security-severity" in properties:
                severity = severity_of_score(properties["security-severity"])
                return severity if severity is not None else "unknown"
        level = result.get("level") or self._override(result, rule) or _default(rule) or "warning"
        return _LEVELS[one_of(level, _LEVELS, f"{where}.level")]

    def _override(self, result: dict[str, Any], rule: dict[str, Any]) -> str:
        """A level that the run's configuration set for this rule (section 3.20.5)."""
        provenance = result.get("provenance")
        number = provenance.get("invocationIndex", -1) if isinstance(provenance, dict) else -1
        if not isinstance(number, int) or not 0 <= number < len(self.invocations):
            if len(self.invocations) != 1:
                return ""
            number = 0
        overrides = self.invocations[number].get("ruleConfigurationOverrides") or []
        for override in objects(overrides, "ruleConfigurationOverrides"):
            descriptor = override.get("descriptor")
            if isinstance(descriptor, dict) and rule.get("id") and descriptor.get("id") == rule["id"]:
                configuration = override.get("configuration")
                return text(configuration.get("level")) if isinstance(configuration, dict) else ""
        return ""


def _default(rule: dict[str, Any]) -> str:
    configuration = rule.get("defaultConfiguration")
    return text(configuration.get("level")) if isinstance(configuration, dict) else ""


def _suppressed(result: dict[str, Any]) -> bool:
    """Suppressed only if some suppression stands and none is rejected or still under review."""
    suppressions = objects(result.get("suppressions") or [], "suppressions")
    return bool(suppressions) and all(s.get("status", "accepted") == "accepted" for s in suppressions)


def _message(result: dict[str, Any], rule: dict[str, Any]) -> str:
    message = result.get("message")
    if isinstance(message, dict) and text(message.get("text")):
        return text(message["text"])
    short = rule.get("shortDescription")
    return text(short.get("text")) if isinstance(short, dict) else ""


def _place(result: dict[str, Any]) -> tuple[str, int]:
    for location in objects(result.get("locations") or [], "locations"):
        physical = location.get("physicalLocation")
        if not isinstance(physical, dict):
            continue
        artifact, region = physical.get("artifactLocation"), physical.get("region")
        uri = text(artifact.get("uri")) if isinstance(artifact, dict) else ""
        line = region.get("startLine") if isinstance(region, dict) else 0
        return uri[:300], line if isinstance(line, int) and not isinstance(line, bool) else 0
    return "", 0


def _fingerprint(result: dict[str, Any], message: str) -> list[str]:
    """The writer's own fingerprints where it gives some; else the message, never the line, which moves."""
    for name in ("fingerprints", "partialFingerprints"):
        prints = result.get(name)
        if isinstance(prints, dict) and prints:
            return [f"{key}={value}" for key, value in sorted(prints.items()) if isinstance(value, str)]
    return [message]


READER = JsonReader(format="sarif", kind="static-analysis", recognises=_recognises, read=_read)
