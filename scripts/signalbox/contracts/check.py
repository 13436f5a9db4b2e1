"""Each must and must-not of a contract against its clause; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
import yaml

from signalbox.contracts.documents import Contract, Kind, Sentence
from signalbox.errors import InputError

_MODALS = re.compile(
    r"\b(must|shall|should|ought|may|might|can|cannot|could|will|would|need(?= not\b)|always|never)\b"
)
_NEGATIONS = re.compile(r"\b(not|no|never|none|neither|nor|nobody|nothing|without|cannot|hardly)\b|n't\b")
_WAYS_OUT = re.compile(
    r"\b(unless|except|normally|usually|generally|typically|optional(?:ly)?|ideally|if possible|"
    r"if convenient|when convenient|where practical|as needed|instead of|rather than|"
    r"at (?:its|their) discretion|only (?:if|when|after asked)|in a hurry|feel free)\b"
)
# A contract speaks of no provider and of no runtime; adapters do.
_PROVIDERS = re.compile(
    r"\b(github|gitlab|bitbucket|jira|linear|azure|openai|anthropic|claude|gpt|codex|copilot|gemini|qwen|ollama|"
    r"pull requests?|merge requests?|gh cli)\b",
    re.IGNORECASE,
)
_RUN = 7
"""Words in a row that two documents must share before one counts as restating the other."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]*$")]


class Clause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sentence has to say. ``verb``: the words right behind the modal; ``terms``: words that follow,
    in this order; ``negations``: how many words deny something (a must-not has its own ``not``)."""

    id: Name
    verb: str
    terms: tuple[str, ...] = ()
    negations: int | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One contract's clauses and the fields of its record."""

    must: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()
    fields: tuple[str, ...] = ()


Clauses = dict[str, Phase]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and where: ``pull-work must/choose-by``."""

    where: str
    text: str


def read_clauses(data: bytes, where: str) -> Clauses:
    """The clauses of a YAML file; ``InputError`` names what cannot be read."""
    try:
        found: Clauses = msgspec.convert(yaml.safe_load(data), Clauses)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InputError("the clauses cannot be read", where=where, why=str(error)[:300]) from None
    return found


def check(contracts: Mapping[str, Contract], texts: Mapping[str, str], clauses: Clauses) -> list[Fault]:
    """Every fault; an empty list says that every clause holds and that none stands unchecked."""
    return [*_each(contracts, clauses), *_graph(contracts), *_shared(contracts, texts)]


def _each(contracts: Mapping[str, Contract], clauses: Clauses) -> Iterator[Fault]:
    for name in sorted(set(clauses) - set(contracts)):
        yield Fault(where=name, text="there is no such contract")
    for name, contract in contracts.items():
        phase = clauses.get(name, Phase())
        for kind, wanted in (("must", phase.must), ("must-not", phase.must_not)):
            yield from _clauses(contract, kind, wanted)  # type: ignore[arg-type]
        for field in sorted(set(phase.fields) ^ set(contract.fields)):
            gone = field in phase.fields
            yield Fault(where=f"{name} record/{field}", text="is missing" if gone else "nothing checks it")
        if contract.front is not None and contract.front.phase != name:
            yield Fault(where=name, text="its front matter names another phase")
        stray = _MODALS.search(contract.rest) if phase != Phase() else None
        if stray:
            yield Fault(where=name, text=f"{stray[0]!r} stands outside a clause, where nothing checks it")
        everything = contract.rest + "\n".join(sentence.text for sentence in contract.sentences)
        named = _PROVIDERS.search(everything)
        if named:
            yield Fault(where=name, text=f"names a provider: {named[0]!r}")


def _clauses(contract: Contract, kind: Kind, wanted: tuple[Clause, ...]) -> Iterator[Fault]:
    written: dict[str, list[Sentence]] = {}
    for sentence in contract.sentences:
        if sentence.kind == kind:
            written.setdefault(sentence.id, []).append(sentence)
    known = {clause.id for clause in wanted}
    for name in sorted(set(written) - known):
        yield Fault(where=f"{contract.name} {kind}/{name}", text="nothing checks this clause")
    for clause in wanted:
        where = f"{contract.name} {kind}/{clause.id}"
        found = written.get(clause.id, [])
        if len(found) != 1:
            yield Fault(where=where, text=f"stands there {len(found)} times, not once")
            continue
        yield from (Fault(where=where, text=text) for text in sentence_faults(found[0].text, kind, clause))


def sentence_faults(text: str, kind: Kind, clause: Clause) -> Iterator[str]:
    """What keeps a sentence from saying what its clause demands."""
    modal = "must not" if kind == "must-not" else "must"
    lower = text.lower()
    modals = _MODALS.findall(lower)
    if modals != ["must"]:
        yield f"has the modal words {modals}, not one 'must'"
    behind = lower.partition(" must ")[2]
    wanted = f"{modal} {clause.verb}".removeprefix("must ").lower()
    if not re.match(rf"{re.escape(wanted)}\b", behind):
        yield f"does not say '{modal} {clause.verb}'"
    position = 0
    for term in clause.terms:
        at = behind.find(term.lower(), position)
        if at < 0:
            yield f"does not say {term!r} (in this place)"
            break
        position = at + len(term)
    expected = clause.negations if clause.negations is not None else int(kind == "must-not")
    found = len(_NEGATIONS.findall(lower))
    if found != expected:
        yield f"denies {found} times, not {expected}: it may say the opposite"
    way = _WAYS_OUT.search(lower)
    if way:
        yield f"leaves a way out: {way[0]!r}"


def _graph(contracts: Mapping[str, Contract]) -> Iterator[Fault]:
    """Work goes on to phases that exist, and each phase reads only what is there or another one writes."""
    phases = {name: one.front for name, one in contracts.items() if one.front is not None}
    given = {"source ideas", "board", "planned base", "target", "checks", "outcome"}
    written = given | {item for front in phases.values() for item in front.writes}
    for name, front in phases.items():
        for other in sorted({*front.next, *front.back} - set(phases)):
            yield Fault(where=name, text=f"hands over to {other!r}, which is no phase")
        for item in sorted(set(front.reads) - written):
            yield Fault(where=name, text=f"reads {item!r}, which nobody writes")
    reached = {other for front in phases.values() for other in front.next}
    for name in sorted(set(phases) - reached - {"idea-to-backlog"}):
        yield Fault(where=name, text="no phase hands over to it")


def _shared(contracts: Mapping[str, Contract], texts: Mapping[str, str]) -> Iterator[Fault]:
    """Shared definitions are referred to and never said again."""
    anchors = {
        path: {
            line.lstrip("#").strip().replace(" ", "-") for line in text.splitlines() if line.startswith("## ")
        }
        for path, text in texts.items()
    }
    used: set[tuple[str, str]] = set()
    for name, contract in contracts.items():
        for link in contract.links:
            path, _, anchor = link.partition("#")
            if name.startswith("shared/"):
                path = f"shared/{path}"
            if path not in texts or (anchor and anchor not in anchors[path]):
                yield Fault(where=name, text=f"refers to {link}, which is not there")
            used.add((path, anchor))
    for path, found in anchors.items():
        if path == "shared/terms.md":
            for anchor in sorted(found):
                if (path, anchor) not in used:
                    yield Fault(where=path, text=f"nobody refers to {anchor!r}")
    definitions = set(_runs(texts.get("shared/terms.md", "")))
    for name, contract in contracts.items():
        if name == "shared/terms":
            continue
        sentences = [sentence.text for sentence in contract.sentences]
        for text in [*contract.rest.splitlines(), *sentences]:
            again = next((run for run in _runs(text) if run in definitions), None)
            if again:
                yield Fault(where=name, text=f"restates a shared definition: {' '.join(again)!r}")


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        words = re.findall(r"[a-z']+", line.lower())
        yield from (tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))
