"""Vulnerability scanners run for real and offline, over databases of invented vulnerabilities made here."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from readers_case import Case
from readers_tools import HOME, call, needs, ready, run

GO = (
    "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.3.5",
    "github.com/anchore/grype/cmd/grype@v0.110.0",
)
NONE = dict.fromkeys(("critical", "high", "medium", "low", "none", "unknown"), 0)
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
WHEN = "2026-01-02T00:00:00Z"
PACKAGES = {"made-up-shop": "1.0", "made-up-cart": "2.0", "made-up-pay": "1.1"}


def scanners() -> Iterator[Case]:
    """All of them; building each takes minutes, once."""
    # One high, one that nobody has rated, and one critical under two names.
    truth = {"total": 3, "by_severity": NONE | {"high": 1, "unknown": 1, "critical": 1}}
    yield Case("OSV-Scanner", "3 of 3 packages", "", _osv, truth, "fail")
    yield Case("OSV-Scanner", "nothing found", "", _osv_clean, {"total": 0})
    truth = {"total": 3, "by_severity": NONE | {"high": 1, "critical": 1, "unknown": 1}}
    yield Case("Grype", "3 of 3 packages", "", _grype, truth, "fail")
    yield Case("Grype", "nothing found", "", _grype_clean, {"total": 0})


def _built(name: str) -> Path:
    needs("go")
    module = next(module for module in GO if f"/{name}@" in module)

    def install(place: Path) -> None:
        flags = {"GOBIN": str(place / "bin"), "GOCACHE": str(HOME / "go/cache")}
        call("go", "install", "-ldflags=-s -w", module, **flags)

    return ready(name, install) / "bin" / name


def _requirements(folder: Path, packages: dict[str, str]) -> Path:
    path = folder / "requirements.txt"
    path.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
    return path


def _record(ident: str, package: str, vector: str = "", **more: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": package}, "versions": [PACKAGES[package]]}
    severity = [{"type": "CVSS_V3", "score": vector}] if vector else []
    return {"id": ident, "modified": WHEN, "affected": [affected], "severity": severity} | more


def _osv_database(folder: Path) -> None:
    records = (
        _record("GHSA-aaaa-aaaa-aaaa", "made-up-shop", HIGH),
        _record("PYSEC-2026-1", "made-up-cart"),
        _record("GHSA-bbbb-bbbb-bbbb", "made-up-pay", CRITICAL, aliases=["CVE-2026-1"]),
        _record("PYSEC-2026-2", "made-up-pay", CRITICAL, aliases=["CVE-2026-1"]),
    )
    place = folder / "db/osv-scanner/PyPI"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))


def _osv(folder: Path, packages: dict[str, str] | None = None) -> Path:
    _osv_database(folder)
    wanted = _requirements(folder, PACKAGES if packages is None else packages)
    arguments = ("scan", "source", "--offline", "--no-resolve", "--format", "json", "-L", wanted)
    place = {"OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY": str(folder / "db")}
    told = run(_built("osv-scanner"), *arguments, cwd=folder, **place)
    (folder / "r.json").write_text(told.stdout)
    return folder / "r.json"


def _osv_clean(folder: Path) -> Path:
    return _osv(folder, {"made-up-shop": "9.9"})


def _grype_database(folder: Path) -> Path:
    """Version 6 of Grype's schema, as far as a match needs it; its import adds the rest."""
    rows = (
        (1, "GHSA-aaaa-aaaa-aaaa", "made-up-shop", "high"),
        (2, "GHSA-bbbb-bbbb-bbbb", "made-up-pay", "critical"),
        (3, "GHSA-cccc-cccc-cccc", "made-up-cart", ""),
    )
    path = folder / "made.db"
    with closing(sqlite3.connect(path)) as base:
        base.executescript(
            "CREATE TABLE db_metadata (build_timestamp datetime NOT NULL, model integer NOT NULL,"
            " revision integer NOT NULL, addition integer NOT NULL);"
            "CREATE TABLE providers (id text PRIMARY KEY, version text, processor text,"
            " date_captured datetime, input_digest text);"
            "CREATE TABLE blobs (id integer PRIMARY KEY AUTOINCREMENT, value text NOT NULL);"
            "CREATE TABLE vulnerability_handles (id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL,"
            " status text NOT NULL, published_date datetime, modified_date datetime, withdrawn_date datetime,"
            " provider_id text NOT NULL, blob_id integer);"
            "CREATE TABLE packages (id integer PRIMARY KEY AUTOINCREMENT, ecosystem text, name text);"
            "CREATE TABLE affected_package_handles (id integer PRIMARY KEY AUTOINCREMENT,"
            " vulnerability_id integer NOT NULL, operating_system_id integer, package_id integer,"
            " blob_id integer);"
        )
        base.execute("INSERT INTO db_metadata VALUES (?, 6, 1, 4)", (WHEN,))
        base.execute("INSERT INTO providers VALUES ('github', '1', 'made-up', ?, '')", (WHEN,))
        for number, ident, package, severity in rows:
            rated = [{"scheme": "CHML", "value": severity, "rank": 1}] if severity else []
            about = json.dumps({"id": ident, "severities": rated})
            version = {"type": "python", "constraint": f"<={PACKAGES[package]}"}
            ranges = json.dumps({"ranges": [{"version": version}]})
            base.execute("INSERT INTO blobs VALUES (?, ?)", (2 * number, about))
            base.execute("INSERT INTO blobs VALUES (?, ?)", (2 * number + 1, ranges))
            handle = (number, ident, "active", WHEN, WHEN, None, "github", 2 * number)
            base.execute("INSERT INTO vulnerability_handles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", handle)
            base.execute("INSERT INTO packages VALUES (?, 'python', ?)", (number, package))
            found = (number, number, None, number, 2 * number + 1)
            base.execute("INSERT INTO affected_package_handles VALUES (?, ?, ?, ?, ?)", found)
        base.commit()
    return path


def _grype(folder: Path, packages: dict[str, str] | None = None) -> Path:
    wanted = PACKAGES if packages is None else packages
    parts = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in wanted.items()
    ]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": parts}
    (folder / "bom.json").write_text(json.dumps(bill))
    program, environ = _built("grype"), {"GRYPE_DB_CACHE_DIR": str(folder / "db")}
    environ |= dict.fromkeys(("GRYPE_DB_AUTO_UPDATE", "GRYPE_DB_VALIDATE_AGE"), "false")
    environ["GRYPE_CHECK_FOR_APP_UPDATE"] = "false"
    run(program, "db", "import", _grype_database(folder), cwd=folder, check=True, **environ)
    told = run(program, "sbom:bom.json", "-o", "json", cwd=folder, check=True, **environ)
    (folder / "r.json").write_text(told.stdout)
    return folder / "r.json"


def _grype_clean(folder: Path) -> Path:
    return _grype(folder, {"made-up-shop": "9.9"})
