"""Artifacts by id: checked for where they come from, downloaded under a cap, unpacked without surprises."""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """What GitHub says of an artifact. ``digest`` is ``sha256:…`` of the archive, empty if unknown."""

    id: int
    name: str
    size: int
    expired: bool
    digest: str
    run: int
    head_sha: str
    head_branch: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """Where an artifact must come from. Empty means: not asked; forks are refused unless ``forks``."""

    run: int = 0
    name: str = ""
    events: tuple[str, ...] = ()
    head_sha: str = ""
    head_branch: str = ""
    forks: bool = False


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps: bytes of the archive, files in it, bytes unpacked."""

    archive: int = 50_000_000
    files: int = 10_000
    unpacked: int = 500_000_000


def of_run(client: GitHub, run: int, name: str) -> tuple[Artifact, ...]:
    """Return the artifacts of a run, all pages."""
    rows = client.transport.pages(
        f"/repos/{client.repository}/actions/runs/{int(run)}/artifacts", "artifacts"
    )
    found = (artifact_of(row) for row in rows)
    return tuple(artifact for artifact in found if not name or artifact.name == name)


def get(client: GitHub, artifact: int) -> Artifact:
    """Return one artifact."""
    return artifact_of(client.transport.get(f"/repos/{client.repository}/actions/artifacts/{int(artifact)}"))


def artifact_of(row: dict[str, Any]) -> Artifact:
    """Read an artifact of the API."""
    run = row.get("workflow_run") or {}
    return Artifact(
        id=int(row["id"]),
        name=str(row["name"]),
        size=int(row["size_in_bytes"]),
        expired=bool(row["expired"]),
        digest=str(row.get("digest") or ""),
        run=int(run.get("id") or 0),
        head_sha=str(run.get("head_sha") or ""),
        head_branch=str(run.get("head_branch") or ""),
    )


def fetch(
    client: GitHub, artifact: int, folder: Path, expected: Expected, limits: Limits
) -> tuple[Path, ...]:
    """Unpack an artifact into the new folder ``folder`` and return its files.

    Its run is read from GitHub and must be what ``expected`` says; the archive must have the digest
    that GitHub recorded. Nothing is left in ``folder`` after a refusal. Raises :class:`GitHubError`.
    """
    found = get(client, artifact)
    call = f"artifact {found.id} ({found.name})"
    if found.expired:
        raise GitHubError("the artifact has expired", call=call, fix="Run the job that made it again.")
    if found.size > limits.archive:
        raise GitHubError(f"the archive is larger than {limits.archive} bytes", call=call)
    _check_origin(client, found, expected, call)
    path = f"/repos/{client.repository}/actions/artifacts/{found.id}/zip"
    archive = client.transport.download(path, limits.archive)
    digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    if found.digest and digest != found.digest:
        raise GitHubError(f"the archive has {digest}, GitHub recorded {found.digest}", call=call)
    return unpack(archive, folder, limits, call)


def _check_origin(client: GitHub, found: Artifact, expected: Expected, call: str) -> None:
    """Refuse an artifact of another run, repository, event, commit or branch than was asked for."""
    from .runs import run_of

    run = run_of(client.transport.get(f"/repos/{client.repository}/actions/runs/{found.run}"))
    wrong = [
        f"{what} is {is_!r}, not {wanted!r}"
        for what, is_, wanted in (
            ("its run", found.run, expected.run),
            ("its name", found.name, expected.name),
            ("its commit", run.head_sha, expected.head_sha),
            ("its branch", run.head_branch, expected.head_branch),
        )
        if wanted and is_ != wanted
    ]
    if expected.events and run.event not in expected.events:
        wrong.append(f"its event is {run.event!r}, not one of {', '.join(expected.events)}")
    if run.head_repository.lower() != client.repository.lower() and not expected.forks:
        wrong.append(f"it was made by code of {run.head_repository or 'a deleted fork'}")
    if wrong:
        raise GitHubError(
            "the artifact does not come from where it should",
            call=call,
            message="; ".join(wrong),
            fix="Give the id of an artifact of the expected run.",
        )


def unpack(archive: bytes, folder: Path, limits: Limits, call: str = "archive") -> tuple[Path, ...]:
    """Unpack a zip into the new folder ``folder``: regular files only, inside it, within the caps."""
    if folder.exists():
        raise GitHubError("the folder to unpack into is there already", call=str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder.parent))
    try:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                names = _extract(opened, part, limits, call)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise GitHubError("the archive cannot be read", call=call, message=str(error)[:200]) from None
        except Exception as error:  # zlib.error and lzma.LZMAError have no common base
            if isinstance(error, (GitHubError, OSError)):
                raise
            raise GitHubError("the archive is damaged", call=call, message=str(error)[:200]) from None
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return tuple(folder / name for name in names)


def _extract(opened: zipfile.ZipFile, part: Path, limits: Limits, call: str) -> list[PurePosixPath]:
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > limits.files:
        raise GitHubError(f"the archive holds more than {limits.files} files", call=call)
    names: list[PurePosixPath] = []
    seen: set[str] = set()
    room = limits.unpacked
    for entry in entries:
        name = member_name(entry)
        if name is None or str(name).casefold() in seen:
            raise GitHubError(
                "the archive holds a name that is not allowed", call=call, message=repr(entry.filename[:200])
            )
        seen.add(str(name).casefold())
        target = part / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as source, target.open("xb") as sink:
                while chunk := source.read(1 << 16):  # sizes in the archive's own index are not believed
                    room -= len(chunk)
                    if room < 0:
                        raise GitHubError(
                            f"the archive unpacks to more than {limits.unpacked} bytes", call=call
                        )
                    sink.write(chunk)
        except (FileExistsError, NotADirectoryError):
            raise GitHubError(
                "the archive holds a file and a folder of one name", call=call, message=repr(entry.filename)
            ) from None
        names.append(name)
    return names


def member_name(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Return where a member may be written below the folder; None for a link, a climb or an odd name."""
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.flag_bits & 0x1:
        return None
    if not name or len(name) > 1000 or name.startswith("/") or any(c in name for c in "\\:\0\r\n"):
        return None
    parts = name.split("/")
    if any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts):
        return None
    return PurePosixPath(name)
