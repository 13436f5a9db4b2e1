"""promote.py proposing a GitOps edit to the GitHub double: one pull request, exactly the intended bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from doubles.github import GitHubDouble
from doubles.github.fixtures import github_double as github_double
from signalbox.config import Settings
from signalbox.config.scoring import Scoring
from signalbox.decision import Evidence, PolicyRef, Stamp, Subject, canonical, format_time
from signalbox.github import GitHub
from signalbox.gitops import branch_name
from signalbox.promotion import Inputs, Past, decide

ROOT = Path(__file__).parents[2]
REPO, DIGEST = "acme/clusters", "sha256:" + "d" * 64
KUSTOMIZATION = "# by hand\nimages:\n- name: shop   # the shop\n  digest: sha256:old\n"


@pytest.fixture
def decision(tmp_path: Path) -> Path:
    """A real decision: good evidence and sixty clean outcomes."""
    import datetime

    now = format_time(datetime.datetime.now(datetime.UTC))
    tests = Evidence(kind="tests", status="pass", origin="protected", facts={"total": 9, "passed": 9})
    inputs = Inputs(
        subject=Subject(digest=DIGEST, environment="production"),
        evidence=(tests,),
        past=tuple(Past(label="clean", at=f"{i}") for i in range(60)),
        risk="low",
    )
    settings = Settings(mode="enforce", scoring=Scoring(auto_promote_at=0.8))
    made = decide(inputs, settings, PolicyRef(sha256="0" * 64), Stamp(id="d-1", at=now, producer="test"))
    assert made.verdict == "auto-promote"
    path = tmp_path / "decision.json"
    path.write_bytes(canonical(made))
    return path


def promote(double: GitHubDouble, decision: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "promote.py"), "--decision", str(decision)]
    target = ["--kustomization", "prod/kustomization.yaml", "--image", "shop", "--repo", str(decision.parent)]
    return subprocess.run(
        [*command, *target, "--mode", "enforce", *more],
        env=double.environ(REPO),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_one_pull_request_with_one_edit(github_double: GitHubDouble, decision: Path) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": KUSTOMIZATION, "README": "x\n"})
    first = promote(github_double, decision)
    assert first.returncode == 0, first.stderr
    second = promote(github_double, decision)
    assert second.returncode == 0, second.stderr
    pulls = github_double.state.repositories[REPO].pulls
    assert len(pulls) == 1
    assert "brought up to date" in second.stdout
    branch = f"signalbox/promote/production/{'d' * 16}"
    with GitHub.from_environ(github_double.environ(REPO)) as client:
        head = branch_name("production", DIGEST, "prod/kustomization.yaml")
        assert head.startswith(branch)
        after = client.contents("prod/kustomization.yaml", f"refs/heads/{head}")
        assert client.contents("README", f"refs/heads/{head}") == b"x\n"
    assert after == KUSTOMIZATION.replace("sha256:old", DIGEST).encode()


def test_a_base_that_already_holds_it_needs_no_pull_request(
    github_double: GitHubDouble,
    decision: Path,
) -> None:
    github_double.add_repository(REPO)
    held = KUSTOMIZATION.replace("sha256:old", DIGEST)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": held})
    ran = promote(github_double, decision)
    assert (ran.returncode, "already holds" in ran.stdout) == (0, True)
    assert not github_double.state.repositories[REPO].pulls


def test_a_file_that_is_not_there_is_a_wrong_call(github_double: GitHubDouble, decision: Path) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"README": "x\n"})
    ran = promote(github_double, decision)
    assert ran.returncode == 2
    assert "prod/kustomization.yaml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_path_out_of_the_repository_is_refused(github_double: GitHubDouble, decision: Path) -> None:
    github_double.add_repository(REPO)
    ran = promote(github_double, decision, "--kustomization", "../other/file.yaml")
    assert ran.returncode == 2
    assert "inside the repository" in ran.stderr


@pytest.fixture
def asking(tmp_path: Path) -> Path:
    """A real decision that asks a person: nothing was recorded yet, and a scan without a severity."""
    import datetime

    now = format_time(datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5))
    tests = Evidence(kind="tests", status="pass", origin="protected", facts={"total": 9, "passed": 9})
    finding = {"key": "k", "id": "X-1", "severity": "unknown", "where": "a.py"}
    scan = Evidence(
        kind="static-analysis",
        status="pass",
        origin="protected",
        source="s.sarif",
        facts={"findings": [finding]},
    )
    inputs = Inputs(
        subject=Subject(digest=DIGEST, environment="production"), evidence=(tests, scan), risk="low"
    )
    stamp = Stamp(id="d-2", at=now, producer="test")
    made = decide(inputs, Settings(mode="enforce"), PolicyRef(sha256="0" * 64), stamp)
    assert made.verdict == "manual-review"
    path = tmp_path / "asking.json"
    path.write_bytes(canonical(made))
    return path


def approve(folder: Path, **change: str) -> str:
    import datetime

    now = datetime.datetime.now(datetime.UTC)
    until = format_time(now + datetime.timedelta(hours=1))
    content = {"deployment": "shop", "digest": DIGEST, "environment": "production", "approved_by": "grace"}
    content |= {"role": "reviewer", "approved_at": format_time(now), "expires_at": until} | change
    path = folder / "approval.json"
    path.write_bytes(canonical(content))
    return str(path)


def test_a_manual_review_is_carried_out_once_a_person_has_approved_it(
    github_double: GitHubDouble, asking: Path
) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": KUSTOMIZATION})
    waits = promote(github_double, asking)
    assert (waits.returncode, "a person must decide first" in waits.stdout) == (3, True)
    mine = promote(github_double, asking, "--standing-approval", approve(asking.parent), "--not-by", "grace")
    assert (mine.returncode, "made the change" in mine.stdout) == (3, True)
    unknown = promote(github_double, asking, "--standing-approval", approve(asking.parent))
    assert (unknown.returncode, "who made the change is not known" in unknown.stdout) == (3, True)
    assert not github_double.state.repositories[REPO].pulls
    done = promote(github_double, asking, "--standing-approval", approve(asking.parent), "--not-by", "ada")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(github_double.state.repositories[REPO].pulls) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"not json"])
def test_an_approval_that_cannot_be_read_is_a_wrong_call(
    github_double: GitHubDouble, asking: Path, content: bytes
) -> None:
    github_double.add_repository(REPO)
    path = asking.parent / "approval.json"
    path.write_bytes(content)
    ran = promote(github_double, asking, "--standing-approval", str(path), "--not-by", "ada")
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)


def test_the_pull_request_is_told_once_what_a_reviewer_must_look_at(
    github_double: GitHubDouble, asking: Path
) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": KUSTOMIZATION})
    github_double.commit(REPO, "change", {"README": "y\n"})
    with GitHub.from_environ(github_double.environ(REPO)) as client:
        number = client.upsert_pull("change", "main", "A change", "").number
    for _ in range(2):
        assert promote(github_double, asking, "--comment", str(number)).returncode == 3
    with GitHub.from_environ(github_double.environ(REPO)) as client:
        rows = list(client.transport.pages(f"/repos/{REPO}/issues/{number}/comments"))
    [row] = rows
    assert "A reviewer must look at" in row["body"]
    assert "How severe are these findings here" in row["body"]
    assert "Promotion: manual" in "\n".join(row["body"].splitlines()[:5])


def proposed(double: GitHubDouble) -> tuple[str, list[str]]:
    """The branch of the one proposal, and what merging it would change."""
    [pull] = double.state.repositories[REPO].pulls
    git = double.state.git(REPO)
    return pull["head"], git.changed(f"refs/heads/{pull['head']}", base="refs/heads/main")


def test_what_somebody_put_into_the_branch_beforehand_is_not_proposed(
    github_double: GitHubDouble, decision: Path
) -> None:
    """The branch's name can be foretold: whoever may push could have made it, with more in it."""
    branch = branch_name("production", DIGEST, "prod/kustomization.yaml")
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": KUSTOMIZATION, "README": "x\n"})
    github_double.commit(REPO, branch, {"prod/kustomization.yaml": KUSTOMIZATION, "run.sh": "evil\n"})
    ran = promote(github_double, decision)
    assert ran.returncode == 0, ran.stderr
    assert proposed(github_double) == (branch, ["M\tprod/kustomization.yaml"])


def test_after_the_base_has_moved_on_the_proposal_is_still_one_edit(
    github_double: GitHubDouble, decision: Path
) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"prod/kustomization.yaml": KUSTOMIZATION, "README": "x\n"})
    assert promote(github_double, decision).returncode == 0
    moved = {"prod/kustomization.yaml": KUSTOMIZATION + "# more\n", "README": "y\n"}
    github_double.commit(REPO, "main", moved)
    again = promote(github_double, decision)
    assert again.returncode == 0, again.stderr
    branch, changes = proposed(github_double)
    assert changes == ["M\tprod/kustomization.yaml"]
    after = github_double.state.git(REPO).run("cat-file", "blob", f"{branch}:prod/kustomization.yaml")
    assert after.decode() == (KUSTOMIZATION + "# more\n").replace("sha256:old", DIGEST)


@pytest.mark.parametrize(("mode", "code"), [("100755", 0), ("120000", 2)])
def test_a_file_keeps_its_mode_and_a_link_is_not_written_over(
    github_double: GitHubDouble, decision: Path, mode: str, code: int
) -> None:
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {"real.yaml": KUSTOMIZATION})
    git = github_double.state.git(REPO)
    content = git.line("hash-object", "-w", "--stdin", stdin=KUSTOMIZATION.encode())
    folder = git.line("mktree", stdin=f"{mode} blob {content}\tkustomization.yaml\n".encode())
    whole = git.line("mktree", stdin=f"040000 tree {folder}\tprod\n".encode())
    git.run("update-ref", "refs/heads/main", git.line("commit-tree", whole, "-m", "x"))
    ran = promote(github_double, decision)
    assert ran.returncode == code, ran.stderr
    if code:
        assert "link" in ran.stderr or "file" in ran.stderr
        return
    branch, _ = proposed(github_double)
    assert git.line("ls-tree", branch, "prod/kustomization.yaml").startswith(mode)
