"""AI attribution by git's own rules, trust that no agent gives itself, and identity that is proved."""

import base64
import hashlib
import json
import os
import random
import subprocess

import pytest

from signalbox.config import parse
from signalbox.decision import Subject
from signalbox.errors import InputError
from signalbox.gates import identity, trailers, trust
from signalbox.gates.history import Commit, commits
from signalbox.gates.people import person_of

NOW = "2026-03-02T12:00:00Z"
POLICY = """\
environments:
  roles: {developer: [], qualified-reviewer: [], qa-lead: [], security-engineer: [sue], plan-reviewer: [],
          compliance-officer: [carl, sue], platform-engineer: []}
  people: {sue: {emails: [sue@example.com]}, carl: {emails: [carl@example.com], signer: carl-key}}
  identities:
    developer-agent: {logins: ["dev-agent[bot]"], workflows: ["acme/shop/.github/workflows/dev.yml@**"]}
"""
E = parse(POLICY.encode(), "p").environments


@pytest.fixture
def repo(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "first\n")
    return tmp_path


def git(where, *arguments, who="Ada <ada@example.com>", given=None):
    name, _, mail = who.rstrip(">").partition(" <")
    environ = {"PATH": os.environ["PATH"], "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"}
    environ |= {
        f"GIT_{r}_{k}": v for r in ("AUTHOR", "COMMITTER") for k, v in (("NAME", name), ("EMAIL", mail))
    }
    done = subprocess.run(
        ["git", *arguments], cwd=where, env=environ, check=True, capture_output=True, text=True, input=given
    )
    return done.stdout.strip()


def commit(where, message, who="Ada <ada@example.com>"):
    git(where, "add", "-A", who=who)
    git(where, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", who=who, given=message)
    return git(where, "rev-parse", "HEAD")


def said(repo, message):
    return trailers.attribution(repo, message)


def judged(repo, *messages, prompts=("p",), merge=False):
    rows = []
    for number, message in enumerate(messages):
        one = Commit(id=f"{number:040}", author="a", committer="a", merge=merge, message=message)
        rows.append((one, said(repo, message)))
    known = {"developer-agent", "qa-agent"}
    return trailers.judge(
        rows, agents=known, resolves=dict.fromkeys(prompts, True), subject=Subject(commit="c" * 40), now=NOW
    )


FULL = "x\n\nwhy\n\nAI-Usage: assisted\nAgent-IDs: developer-agent, qa-agent\nAI-Prompt-Ref: p\n"


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (FULL, "pass", ""),
        ("x\n\nAI-Usage: none\n", "pass", ""),
        ("x\n\nai-usage: Assisted\nagent-ids: developer-agent\nai-prompt-ref: p\n", "pass", ""),
        ("x\n", "fail", "no-usage"),
        ("x\n\nAI-Usage: none\n\nlast words\n", "fail", "no-usage"),
        ("AI-Usage: none\n", "fail", "no-usage"),
        ("x\n\nAI-Usage: lots\nAgent-IDs: developer-agent\nAI-Prompt-Ref: p\n", "fail", "unknown-usage"),
        ("x\n\nAI-Usage: assisted\nAI-Prompt-Ref: p\n", "fail", "no-agents"),
        ("x\n\nAI-Usage: assisted\nAgent-IDs: developer-agent\n", "fail", "no-prompt"),
        ("x\n\nAI-Usage: assisted\nAgent-IDs: pirate\nAI-Prompt-Ref: p\n", "fail", "unknown-agent"),
        ("x\n\nAI-Usage: assisted\nAgent-IDs: qa-agent\nAI-Prompt-Ref: q\n", "fail", "no-such-prompt"),
        ("x\n\nAI-Usage: none\nAgent-IDs: qa-agent\n", "fail", "contradiction"),
    ],
)
def test_what_each_commit_must_say(repo, message, status, code):
    found = judged(repo, message)
    assert (found.status, code in [gap.code for gap in found.gaps] or not code) == (status, True), found.gaps


def test_every_commit_counts_and_a_merge_needs_no_words_of_its_own(repo):
    assert judged(repo, FULL, "second\n").status == "fail"
    assert judged(repo, "Merge branch x\n", merge=True).status == "not_verified"
    assert judged(repo).status == "not_verified"


def test_a_squash_keeps_the_trailers_of_what_it_folded_in(repo):
    first = "* one\n\nAI-Usage: assisted\nAgent-IDs: pirate\nAI-Prompt-Ref: p\n\n"
    squashed = f"all (#7)\n\n{first}* two\n\nAI-Usage: none\n"
    found = said(repo, squashed)
    assert found.agents == ("pirate",)
    assert set(found.usage) == {"assisted", "none"}
    assert judged(repo, squashed).status == "fail"


def test_a_repository_cannot_redefine_what_a_trailer_is(repo):
    git(repo, "config", "trailer.separators", "=")
    git(repo, "config", "trailer.AI-Usage.key", "Nothing")
    assert judged(repo, "x\n").status == "fail"


def test_commits_of_merged_branches_are_read_and_co_authors_known(repo):
    base = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-b", "side")
    commit(repo, FULL + "Co-authored-by: Bob <bob@example.com>\n", who="Eve <eve@example.com>")
    git(repo, "checkout", "-q", "main")
    commit(repo, "own\n")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    found = commits(repo, base, "HEAD")
    assert sorted(one.author for one in found) == ["ada@example.com", "ada@example.com", "eve@example.com"]
    assert [one.merge for one in found].count(True) == 1
    [eve] = [one for one in found if one.author.startswith("eve")]
    assert said(repo, eve.message).co_authors == ("bob@example.com",)


def test_the_helper_adds_what_the_reader_reads_once(repo):
    once = trailers.add(repo, "x\n\nwhy\n", usage="assisted", agents=["qa-agent"], prompts=["p"])
    assert judged(repo, once).status == "pass"
    assert trailers.add(repo, once, usage="assisted", agents=["qa-agent"], prompts=["p"]) == once


def test_prompt_references_resolve_to_files_and_records_only(repo):
    (repo / "docs").mkdir()
    (repo / "docs" / "p.md").write_text("x")
    head = commit(repo, "add\n")
    refs = ["docs/p.md", "docs/p.md#two", "docs", "docs/q.md", "../x", "-p", "id-1", ""]
    assert trailers.resolve(repo, refs, head, ["id-1"]) == {
        "docs/p.md": True,
        "docs/p.md#two": True,
        "docs": False,
        "docs/q.md": False,
        "../x": False,
        "-p": False,
        "id-1": True,
        "": False,
    }


TRUST = "agents:\n  developer-agent: {level: %s, security: %s, compliance: %s}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TRUST % (3, "sue", "carl"), ""),
        (TRUST % (3, "carl", "carl"), "carl of security-engineer"),
        (TRUST % (3, "sue", "sue"), "one person under two roles"),
        (TRUST % (3, "sue", "''"), "nobody of compliance-officer"),
        (TRUST % (4, "sue", "carl"), "not a trust file"),
        ("agents:\n  pirate: {level: 0}\n", "unknown agent 'pirate'"),
        ("agents:\n  developer-agent: {level: 0}\n", ""),
    ],
)
def test_trust_is_raised_by_security_and_compliance_together(text, says):
    if not says:
        assert "developer-agent" in trust.parse(text.encode(), E, "trust.yml")
        return
    with pytest.raises(InputError, match=says) as error:
        trust.parse(text.encode(), E, "trust.yml")
    assert str(error.value).startswith("trust.yml")


@pytest.mark.parametrize(
    ("who", "message", "refused"),
    [
        ("Sue <sue@example.com>", "raise\n", False),
        ("Bot <1+dev-agent[bot]@users.noreply.github.com>", "raise\n", True),
        ("Sue <sue@example.com>", "raise\n\nAgent-IDs: developer-agent\n", True),
        (
            "Sue <sue@example.com>",
            "raise\n\nCo-authored-by: x <1+dev-agent[bot]@users.noreply.github.com>\n",
            True,
        ),
    ],
)
def test_a_trust_file_that_an_agent_wrote_is_refused_with_the_line(repo, who, message, refused):
    (repo / ".github").mkdir()
    (repo / E.trust_file).write_text(TRUST % (2, "sue", "carl"))
    head = commit(repo, message, who=who)
    if not refused:
        assert trust.read(repo, E, head) == {"developer-agent": 2}
        return
    with pytest.raises(InputError, match="an agent wrote this line") as error:
        trust.read(repo, E, head)
    assert f"{E.trust_file}:2" in str(error.value)


def test_trust_falls_at_once_and_the_lowest_of_all_counts():
    data = trust.lower((TRUST % (3, "sue", "carl")).encode(), "developer-agent", "an escaped incident")
    assert trust.parse(data, E, "t") == {"developer-agent": 0}
    assert trust.lowest({"a": 3, "b": 1}, ["a", "b"]) == 1
    assert trust.lowest({"a": 3}, ["a", "unknown"]) == 0
    assert trust.lowest({"a": 3}, []) == 0


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("sue", "sue"),
        ("SUE@example.com", "sue"),
        ("carl-key", "carl"),
        ("7+sue@users.noreply.github.com", "sue"),
        ("sue@users.noreply.github.com", "sue"),
        ("bob@example.com", "bob@example.com"),
    ],
)
def test_one_person_has_one_name(name, who):
    assert person_of(name, E) == who


def prime(bits, chance):
    def probably(n):
        d, r = n - 1, 0
        while d % 2 == 0:
            d, r = d // 2, r + 1
        for _ in range(24):
            x = pow(chance.randrange(2, n - 1), d, n)
            if x in (1, n - 1):
                continue
            for _ in range(r - 1):
                x = x * x % n
                if x == n - 1:
                    break
            else:
                return False
        return True

    while True:
        n = chance.getrandbits(bits) | (3 << (bits - 2)) | 1
        if probably(n):
            return n


CHANCE = random.Random(5)
P, Q = prime(1024, CHANCE), prime(1024, CHANCE)
N, D = P * Q, pow(65537, -1, (P - 1) * (Q - 1))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


KEYS = {
    "keys": [
        {"kid": "k", "kty": "RSA", "n": b64(N.to_bytes(256, "big")), "e": b64((65537).to_bytes(3, "big"))}
    ]
}
CLAIMS = {
    "iss": "https://issuer",
    "aud": "signalbox",
    "exp": 2000,
    "nbf": 900,
    "repository": "acme/shop",
    "job_workflow_ref": "acme/shop/.github/workflows/dev.yml@refs/heads/main",
}


def token(head=None, **change):
    parts = [
        b64(json.dumps(part).encode())
        for part in ({"alg": "RS256", "kid": "k"} | (head or {}), CLAIMS | change)
    ]
    signed = ".".join(parts).encode()
    end = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(signed).digest()
    block = b"\0\1" + b"\xff" * (256 - len(end) - 3) + b"\0" + end
    return ".".join([*parts, b64(pow(int.from_bytes(block, "big"), D, N).to_bytes(256, "big"))])


def claims(text, now=1000, repository="acme/shop"):
    return identity.claims(text, KEYS, issuer="https://issuer", now=now, repository=repository)


def test_a_token_that_the_issuer_signed_proves_the_workflow():
    found = claims(token())["job_workflow_ref"]
    assert identity.agents_of_workflow(found, E) == ["developer-agent"]
    assert identity.agents_of_workflow("evil/shop/.github/workflows/dev.yml@refs/heads/main", E) == []
    assert identity.agents_of_login("Dev-Agent[bot]", E) == ["developer-agent"]
    assert identity.agents_of_login("", E) == []


@pytest.mark.parametrize(
    ("text", "now"),
    [
        (token(iss="https://other"), 1000),
        (token(aud="other"), 1000),
        (token(repository="evil/shop"), 1000),
        (token(), 2100),
        (token(), 800),
        (token(exp=None), 1000),
        (token(exp=True), 1000),
        (token(head={"alg": "none"}), 1000),
        (token(head={"alg": "HS256"}), 1000),
        (token(head={"kid": "other"}), 1000),
        (token()[:-8] + "AAAAAAAA", 1000),
        (
            ".".join(
                [token().split(".")[0], b64(json.dumps(CLAIMS | {"x": 1}).encode()), token().split(".")[2]]
            ),
            1000,
        ),
        ("", 1000),
        ("a.b.c", 1000),
        ("é.é.é", 1000),
        (token() + "." + "x", 1000),
    ],
)
def test_any_other_token_proves_nothing(text, now):
    with pytest.raises(InputError):
        claims(text, now)
