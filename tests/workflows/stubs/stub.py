"""The stand-ins' one program: ``stub.py KIND``, inputs as JSON in ``INPUT``, state under ``STUB_STORE``."""

import base64
import fnmatch
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

INPUT = json.loads(os.environ["INPUT"])
STORE = Path(os.environ["STUB_STORE"])
RUN = os.environ["GITHUB_RUN_ID"]
FORBIDDEN = set('"<>|*?:\r\n\\/')


def fail(text):
    print(f"::error::{text}")
    sys.exit(1)


def flag(name):
    value = str(INPUT.get(name, "")).lower()
    if value not in ("true", "false", ""):
        fail(f"Input does not meet YAML 1.2 'Core Schema' specification: {name}")
    return value == "true"


def output(**values):
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as file:
        file.writelines(f"{name.replace('_', '-')}={value}\n" for name, value in values.items())


def git(*arguments, cwd):
    result = subprocess.run(["git", *arguments], cwd=cwd, text=True, capture_output=True)
    if result.returncode:
        fail(f"git {arguments[0]}: {result.stderr.strip().splitlines()[-1:]}")
    return result.stdout.strip()


def checkout():
    target = Path(INPUT["path"])
    target.mkdir(parents=True, exist_ok=True)
    if not (target / ".git").exists():
        git("init", "-q", "-b", "main", cwd=target)
        git("remote", "add", "origin", f"https://github.com/{INPUT['repository']}", cwd=target)
    depth = ["--depth", INPUT["fetch-depth"]] if INPUT["fetch-depth"] != "0" else []
    refs = [] if depth else ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    git("fetch", "-q", *depth, "origin", *([INPUT["ref"]] if INPUT["ref"] else []), *refs, cwd=target)
    # The real action, too, leaves no file of an earlier checkout behind.
    git("checkout", "-q", "--force", "--detach", "FETCH_HEAD", cwd=target)
    if flag("persist-credentials"):
        git("config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic kept", cwd=target)
    output(commit=git("rev-parse", "HEAD", cwd=target))


def hidden(path):
    return any(part.startswith(".") for part in path.parts)


def files():
    """What ``path`` matches (globs, folders, ``!`` exclusions), and the folder they are stored below."""
    wanted, roots, unwanted = set(), [], set()
    for line in filter(None, map(str.strip, INPUT["path"].splitlines())):
        pattern = line.removeprefix("!")
        found = [Path(p).resolve() for p in glob.glob(pattern, recursive=True, include_hidden=True)]  # noqa: PTH207
        below = {f for p in found for f in ([p] if p.is_file() else p.rglob("*")) if f.is_file()}
        if line.startswith("!"):
            unwanted |= below
            continue
        fixed = pattern.split("*")[0]
        whole = Path(pattern).resolve()
        if fixed != pattern:
            whole = Path(fixed if fixed.endswith("/") else fixed.rpartition("/")[0] or ".").resolve()
        roots.append(whole if whole.is_dir() else whole.parent)
        if not flag("include-hidden-files"):
            # Searching starts at the path itself, so a hidden folder above it does not make its files hidden.
            below = {
                f for f in below if not any(p.startswith(".") for p in f.relative_to(whole.parent).parts)
            }
        wanted |= below
    root = Path(os.path.commonpath(roots)) if roots else Path.cwd()
    return root, sorted(wanted - unwanted)


def upload():
    name = INPUT["name"]
    if not name or FORBIDDEN & set(name):
        fail(f"The artifact name is not valid: {name}")
    root, kept = files()
    if not kept:
        text = f"No files were found with the provided path: {INPUT['path']}. No artifacts will be uploaded."
        if INPUT["if-no-files-found"] == "error":
            fail(text)
        if INPUT["if-no-files-found"] == "warn":
            print(f"::warning::{text}")
        return
    run = STORE / "runs" / RUN
    if flag("overwrite"):
        shutil.rmtree(run / name, ignore_errors=True)
    try:
        (run / name).mkdir(parents=True)
    except FileExistsError:
        fail("Failed to CreateArtifact: (409) Conflict: an artifact with this name already exists")
    archive = run / name / "content.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in kept:
            file.write(path, path.relative_to(root))
    number = next_id()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    about = {"id": number, "name": name, "digest": digest, "retention": INPUT["retention-days"]}
    (run / name / "about.json").write_text(json.dumps(about))
    output(artifact_id=number, artifact_digest=digest, artifact_url=f"https://github.invalid/a/{number}")


def next_id():
    number = 1
    while True:
        try:
            (STORE / "ids" / str(number)).mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return number


def download():
    folders = sorted((STORE / "runs" / (INPUT["run-id"] or RUN)).glob("*/about.json"))
    stored = [(json.loads(f.read_text()), f.parent / "content.zip") for f in folders]
    if INPUT["run-id"] not in ("", RUN) and not INPUT["github-token"]:
        fail("Input required and not supplied: github-token")
    target = Path(INPUT["path"])
    if INPUT["name"]:
        chosen = [s for s in stored if s[0]["name"] == INPUT["name"]]
        if not chosen:
            fail(f"Unable to download artifact(s): Artifact not found for name: {INPUT['name']}")
    elif INPUT["artifact-ids"]:
        ids = {part.strip() for part in INPUT["artifact-ids"].split(",")}
        chosen = [s for s in stored if str(s[0]["id"]) in ids]
        if not chosen:
            fail(f"None of the provided artifact IDs were found: {INPUT['artifact-ids']}")
    else:
        chosen = [s for s in stored if fnmatch.fnmatchcase(s[0]["name"], INPUT["pattern"] or "*")]
    target.mkdir(parents=True, exist_ok=True)
    # The real one, too, makes no folder of its own where just one artifact matches, by whatever way.
    flat = len(chosen) == 1 or flag("merge-multiple")
    for about, archive in chosen:
        with zipfile.ZipFile(archive) as file:
            file.extractall(target if flat else target / about["name"])
    output(download_path=target.resolve())


def restore():
    caches = STORE / "caches"
    names = {}
    if caches.is_dir():
        for folder in sorted(caches.iterdir(), key=lambda f: f.stat().st_mtime):
            names[json.loads((folder / "key.json").read_text())] = folder
    matched = INPUT["key"] if INPUT["key"] in names else ""
    for prefix in filter(None, map(str.strip, INPUT["restore-keys"].splitlines())):
        matched = matched or next((n for n in reversed(names) if n.startswith(prefix)), "")
    if matched:
        shutil.copytree(names[matched] / "files", Path.cwd(), dirs_exist_ok=True)
    elif flag("fail-on-cache-miss"):
        fail(f"Failed to restore cache entry: {INPUT['key']}")
    exact = str(matched == INPUT["key"]).lower() if matched else ""
    output(cache_hit=exact, cache_matched_key=matched)


def save():
    folder = STORE / "caches" / hashlib.sha256(INPUT["key"].encode()).hexdigest()
    if folder.exists():
        print("::warning::Unable to reserve cache: the key exists")
        return
    (folder / "files").mkdir(parents=True)
    for line in filter(None, map(str.strip, INPUT["path"].splitlines())):
        source = Path(line)
        target = folder / "files" / source
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / "key.json").write_text(json.dumps(INPUT["key"]))


def attest():
    """The statement the real one would sign, in an envelope like its own but with nobody's signature."""
    try:
        predicate = json.loads(Path(INPUT["predicate-path"]).read_text())
        lines = Path(INPUT["subject-checksums"]).read_text().splitlines()
    except (OSError, ValueError) as error:
        fail(f"Error: {error}")
    rows = [line.split(" ", 1) for line in lines]
    subjects = [{"name": name.lstrip(" *"), "digest": {"sha256": digest}} for digest, name in rows]
    kept = {"_type": "https://in-toto.io/Statement/v1", "subject": subjects}
    statement = kept | {"predicateType": INPUT["predicate-type"], "predicate": predicate}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": []}
    number = next_id()
    path = STORE / f"attestation-{number}.json"
    path.write_text(json.dumps({"dsseEnvelope": envelope}) + "\n")
    output(bundle_path=path, attestation_id=number, attestation_url=f"https://github.invalid/t/{number}")


def main(kind):
    STORE.mkdir(parents=True, exist_ok=True)
    job = os.environ.get("GITHUB_JOB", "")
    with (STORE / "calls.jsonl").open("a") as file:
        file.write(json.dumps({"kind": kind, "job": job, "inputs": INPUT}) + "\n")
    for name in os.environ.get("REQUIRED", "").split():
        if not INPUT.get(name):
            fail(f"Input required and not supplied: {name}")
    known = {"checkout": checkout, "upload": upload, "download": download, "restore": restore, "save": save}
    known |= {"attest": attest}
    known.get(kind, lambda: None)()


main(sys.argv[1])
