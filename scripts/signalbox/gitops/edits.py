"""The edits a promotion makes: an ImagePolicy's range, image setters, Kustomize images, Helm values."""

from __future__ import annotations

import json
import re

from signalbox.errors import InputError
from signalbox.gitops.yaml_edit import Document, Edit, Slot, check_plain

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_RANGE = re.compile(r"[0-9A-Za-z.*^~<>=|+\- ]{1,120}")
_VERSION = r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
# What bounds a range from above: a version itself, = ~ ^ < <=, or the second half of "1.4.0 - 1.4.9".
_BOUND = re.compile(rf"(?:[=~^<]|<=)?{_VERSION}")
_FLOOR = re.compile(rf">=?{_VERSION}")
_COMMENT = re.compile(r"[\s}\]]*#")
_MARKER = re.compile(r"#\s*(\{\s*\"\$imagepolicy\"\s*:\s*\"[^\"]{1,300}\"\s*\})\s*$")


def check_digest(text: str) -> str:
    """A sha256 digest; raises InputError."""
    if not _DIGEST.fullmatch(text):
        raise InputError("this is not a digest", why=repr(text[:80]), fix="Give sha256: and 64 hex digits.")
    return text


def check_tag(text: str) -> str:
    """A registry tag; raises InputError."""
    if not _TAG.fullmatch(text):
        raise InputError("this is not a tag", why=repr(text[:80]))
    return text


def check_range(text: str) -> str:
    """A semver range with a floor and a ceiling: no later version may come in unasked. Raises InputError."""
    if not _RANGE.fullmatch(text) or not all(_closed(part.split()) for part in text.split("||")):
        raise InputError(
            "this is not a strict version range",
            why=repr(text[:80]),
            fix="Give a version, or a range like >=1.4.0 <1.5.0.",
        )
    return text


def check_version(text: str) -> str:
    """One exact version, which is also the tag that Flux deploys by it; raises InputError."""
    if not re.fullmatch(_VERSION, text):
        raise InputError(
            "a range of versions is not one digest",
            why=repr(text[:80]),
            fix="Give the one version, such as 1.4.2, or leave out --image.",
        )
    return check_tag(text)


def _closed(parts: list[str]) -> bool:
    """Whether an alternative of a range holds nothing but comparisons, and one that bounds it from above."""
    known = [bool(_BOUND.fullmatch(part)) for part in parts]
    hyphen = len(parts) == 3 and parts[1] == "-"
    rest = all(k or _FLOOR.fullmatch(part) for k, part in zip(known, parts, strict=True))
    return (hyphen and known[0] and known[2]) or (rest and any(known))


def set_policy_range(data: bytes, wanted: str, *, name: str, policy: str = "") -> Edit:
    """Set ``spec.policy.semver.range`` of the file's ImagePolicy, by its name if there are several."""
    document = Document(data, name)
    check_range(wanted)
    found: list[tuple[Slot, str]] = []
    for number, path, slot in document.walk():
        if path != ("spec", "policy", "semver", "range"):
            continue
        ours = document.field(number, "kind") == "ImagePolicy"
        if ours and (not policy or document.field(number, "metadata", "name") == policy):
            found.append((slot, wanted))
    if len(found) != 1:
        raise InputError(
            f"{len(found) or 'no'} ImagePolicy with a semver range fits",
            where=name,
            fix="Name one with --policy-name." if found else "It needs spec.policy.semver.range.",
        )
    return document.replace(found)


def set_markers(data: bytes, policy: str, image: str, tag: str, digest: str, *, name: str) -> Edit:
    """Set every value marked ``# {"$imagepolicy": "namespace:name"}``, as Flux itself would.

    The suffixes ``:name``, ``:tag`` and ``:digest`` take that part; without one the value is the whole
    reference.
    """
    document = Document(data, name)
    values = {"": _reference(image, tag, digest), "name": image, "tag": tag, "digest": digest}
    found: list[tuple[Slot, str]] = []
    for _, _, slot in document.walk():
        mark = document.after(slot)
        namespace, _, rest = _mark(mark).partition(":")
        own, _, part = rest.partition(":")
        if f"{namespace}:{own}" != policy:
            continue
        if part not in values or not values[part]:
            raise InputError(f"nothing is known for the marker's {part or 'reference'}", where=slot.where)
        if not _COMMENT.match(mark):
            raise InputError(
                "more than one value stands before the marker",
                where=slot.where, fix="Write the value it marks on a line of its own.",
            )  # fmt: skip
        found.append((slot, values[part]))
    if not found:
        raise InputError(f"no value is marked for the policy {policy}", where=name)
    return document.replace(found)


def set_kustomize_image(data: bytes, image: str, *, tag: str = "", digest: str = "", name: str) -> Edit:
    """Set ``newTag`` or ``digest`` of ``images:`` where ``name`` is the image.

    Kustomize takes one of the two: asked for a digest where only a tag stands, the key is changed with
    the value.
    """
    document = Document(data, name)
    key, value = ("digest", check_digest(digest)) if digest else ("newTag", check_tag(tag))
    entries: dict[tuple[int, str], dict[str, Slot]] = {}
    for number, path, slot in document.walk():
        if len(path) == 3 and path[0] == "images":
            entries.setdefault((number, path[1]), {})[path[2]] = slot
    fitting = [entry for entry in entries.values() if "name" in entry and entry["name"].value == image]
    if len(fitting) != 1:
        raise InputError(f"{len(fitting) or 'no'} entry of images: is named {image}", where=name)
    entry = fitting[0]
    if key in entry:
        other = entry.get("newTag" if key == "digest" else "digest")
        if other is not None:
            raise InputError(
                "the entry has both newTag and digest", where=other.where, fix="Keep one of them."
            )
        return document.replace([(entry[key], value)])
    other = entry.get("newTag" if key == "digest" else "digest")
    if other is None:
        raise InputError(
            f"the entry has no {key} to set", where=entry["name"].where, fix=f"Add `{key}:` to it."
        )
    return _rename(document, other, key, value)


def set_value(data: bytes, path: str, value: str, *, name: str) -> Edit:
    r"""Set the scalar at a dotted path, for Helm values: ``image.digest``; ``\.`` is a dot within a key."""
    document = Document(data, name)
    if not value or any(ord(c) < 32 for c in value):
        raise InputError("the new value is empty or not of one line", where=name)
    keys = tuple(key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", path))
    found = [slot for _, at, slot in document.walk() if at == keys]
    if len(found) != 1:
        raise InputError(f"{len(found) or 'no'} value stands at {path}", where=name)
    return document.replace([(found[0], value)])


def _rename(document: Document, slot: Slot, key: str, value: str) -> Edit:
    check_plain(slot)
    text, shift = document.text, document.shift
    middle = text[slot.key_end + shift : slot.start + shift]
    start, end = slot.key_start + shift, slot.end + shift
    quote = slot.style if slot.style in ("'", '"') else ""
    after = text[:start] + key + middle + quote + value + quote + text[end:]
    edit = Edit(
        before=document.data,
        after=after.encode(),
        changes=((slot.where, f"{slot.key}: {slot.value}", f"{key}: {value}"),),
    )
    again = [(n, p[:-1], s.value) for n, p, s in Document(edit.after, document.name).walk()]
    wanted = [(n, p[:-1], value if s == slot else s.value) for n, p, s in document.walk()]
    if again != wanted:
        raise InputError("the edit would change more than it should", where=slot.where)
    return edit


def _mark(line: str) -> str:
    match = _MARKER.search(line)
    if not match:
        return ""
    try:
        value = json.loads(match[1])["$imagepolicy"]
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _reference(image: str, tag: str, digest: str) -> str:
    return image + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
