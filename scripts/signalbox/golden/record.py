"""The record that a golden case comes from: an incident, or a learning review with its recurrence key."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
import yaml

from signalbox.classify import scan
from signalbox.decision import canonical, parse_time, sha256_hex
from signalbox.errors import InputError

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z][\w-]{0,60}\Z")]
# The runner renders templates and loads what these name: a record must reach neither its keys nor any file.
_ACTIVE = re.compile(
    r"\{\{|\{%|\{#|^\s*(?:file|https?|package|python|javascript|huggingface|env)://?", re.MULTILINE
)
_AGENT_FILE = re.compile(r"\Afile://agents/[a-z-]+\.[a-z]+\.md\Z")
_NOT_PEOPLE = re.compile(r"(\[bot\]|-agent)\Z", re.IGNORECASE)


class GoldenCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked, what a good answer does, one answer of each kind. ``vars``: the prompt's variables."""

    vars: dict[_Name, _Text]
    rubric: _Line
    bad_output: _Text
    good_output: _Text
    decision: Annotated[str, msgspec.Meta(pattern=r"\A[\w-]*\Z", max_length=40)] = ""
    environment: Annotated[str, msgspec.Meta(pattern=r"\A[a-z-]*\Z", max_length=40)] = ""
    layer: Literal["behavioural", "adversarial", "artifact-quality"] = "adversarial"
    critical: bool = False


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who says that nothing in the case is anybody's data, of exactly which text (``sha256``), and how."""

    by: _Line
    at: str
    method: _Line
    sha256: str


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A learning review's; only its key is used."""

    recurrence_key: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An incident (``id``) or a learning review (``correction.recurrence_key``); other fields are its own."""

    golden_case: GoldenCase
    anonymisation: Attestation | None = None
    id: str = ""
    correction: Correction | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case that may be written: ``key`` names its origin, ``by`` who attested."""

    id: str
    role: str
    key: str
    given: GoldenCase
    by: str
    sha256: str


def read_case(data: bytes, *, role: str, where: str) -> Case:
    """The case of a record in JSON or YAML; ``InputError`` says what keeps it from being one."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", role):
        raise InputError("this is no role", where="--role", why=repr(role[:80]), fix="Such as qa-agent.")
    try:
        plain: Any = yaml.safe_load(data.decode())
        record = msgspec.convert(plain, Record)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise InputError(
            "this record holds no golden case",
            where=where,
            why=" ".join(str(error).split())[:300],
            fix="It needs golden_case with vars, rubric, bad_output and good_output; see docs/evals.md.",
        ) from None
    key = (record.correction.recurrence_key if record.correction else "") or record.id
    if not re.fullmatch(r"[\w][\w.-]{0,80}", key):
        raise InputError(
            "the record has no name", where=where, fix="Give it an id, or a correction.recurrence_key."
        )
    case = record.golden_case
    _refuse_active(case, where)
    sha256 = sha256_hex(canonical(case))
    _attested(record.anonymisation, sha256, where)
    _refuse_personal(case, where)
    name = f"{role}.incident.{re.sub(r'[^a-z0-9-]+', '-', key.lower())}"
    assert record.anonymisation is not None
    return Case(id=name, role=role, key=key, given=case, by=record.anonymisation.by, sha256=sha256)


def _texts(case: GoldenCase) -> dict[str, str]:
    shown = {"rubric": case.rubric, "bad_output": case.bad_output, "good_output": case.good_output}
    return {**{f"vars.{name}": text for name, text in case.vars.items()}, **shown}


def _refuse_active(case: GoldenCase, where: str) -> None:
    for name, text in _texts(case).items():
        if name.startswith("vars.") and _AGENT_FILE.match(text):
            continue
        found = _ACTIVE.search(text)
        if found:
            raise InputError(
                f"{name} holds {found[0].strip()!r}, which the runner would act on",
                where=where,
                fix="Write it in other words: a case is text, not a template and not an address.",
            )


def _attested(found: Attestation | None, sha256: str, where: str) -> None:
    fix = (
        "Once a person has taken out everything that is anybody's, add anonymisation: "
        f"{{by: LOGIN, at: TIME, method: WHAT WAS DONE, sha256: {sha256}}}."
    )
    if found is None:
        raise InputError("nobody attests that this case is anonymised", where=where, fix=fix)
    if found.sha256 != sha256:
        raise InputError("the attestation is about another text than this case", where=where, fix=fix)
    if _NOT_PEOPLE.search(found.by.strip()):
        raise InputError("an attestation is a person's", where=where, why=f"by {found.by!r}", fix=fix)
    try:
        parse_time(found.at)
    except ValueError as error:
        raise InputError("the attestation has no time", where=where, why=str(error), fix=fix) from None


def _refuse_personal(case: GoldenCase, where: str) -> None:
    """A person's word does not make an address disappear."""
    for name, text in _texts(case).items():
        found = scan(text)
        if found:
            raise InputError(
                f"{name} holds what looks like {found[0].group} ({found[0].detector}, line {found[0].line})",
                where=where,
                fix="Replace it by something invented, and attest again.",
            )
