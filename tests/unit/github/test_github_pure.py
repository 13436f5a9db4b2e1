"""The parts of the github room that need no wire: texts, names, waits, permissions, archives."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.github import (
    GitHub,
    GitHubError,
    Limits,
    Retry,
    Unavailable,
    fit,
    names,
    permissions,
    pull_number,
)
from signalbox.github.artifacts import unpack
from signalbox.github.comments import LIMIT, NOTE, marker, units
from signalbox.github.retry import UNSURE_WAIT, is_limited, limit_wait
from signalbox.github.runs import Job, count

LINES = st.lists(
    st.one_of(
        st.text(max_size=200).map(lambda t: t.replace("\n", " ").replace("\r", " ")),
        st.sampled_from(["```", "```python", "~~~~", "<details>", "</details>", "| a | b |", "😀" * 50]),
    ),
    max_size=60,
).map("\n".join)


@given(LINES, st.integers(700, 3000))
def test_fit_never_exceeds_and_only_cuts_when_it_must(body: str, limit: int) -> None:
    cut = fit(body, limit)
    assert units(cut) <= limit
    assert (cut == body) == (units(body) <= limit)
    if cut != body:
        assert cut.endswith(NOTE)
        kept = cut[: -len(NOTE)].rstrip("\n").splitlines()
        closing = [line for line in kept if line in ("</details>", "```", "~~~~")]
        assert body.startswith("\n".join(kept[: len(kept) - len(closing)])[:50])


def test_fit_closes_what_it_cuts_open() -> None:
    cut = fit("<details>\n\n```text\n" + "line\n" * 500, 1000)
    assert cut.count("```") == 2
    assert cut.index("</details>") > cut.rindex("```")


def test_a_character_outside_the_first_plane_counts_twice() -> None:
    assert units(fit("😀\n" * 40_000)) <= LIMIT


def test_the_marker_takes_only_plain_keys() -> None:
    assert marker("select-tests") == "<!-- signalbox:select-tests -->"
    with pytest.raises(InputError, match="no key"):
        marker("x --> <script>")


@pytest.mark.parametrize("name", ["a", "a/b/c", "../b", "a/..", "a/b?x", "a/b#", "", "a b/c", "a/b\n"])
def test_repository_names_that_are_none(name: str) -> None:
    with pytest.raises(InputError, match="no repository name"):
        names.repository(name)


@pytest.mark.parametrize("ref", ["main", "refs/heads/", "refs/a..b", "refs/-x", "refs/a b", "refs/x.lock"])
def test_ref_names_that_are_none(ref: str) -> None:
    with pytest.raises(InputError, match="no full ref name"):
        names.ref(ref)


@given(st.text(min_size=1))
def test_a_quoted_segment_stays_one_segment(text: str) -> None:
    try:
        quoted = names.segment(text)
    except InputError:
        assert text in (".", "..")
        return
    except UnicodeEncodeError:
        return  # a lone surrogate is no text at all
    assert not set(quoted) & set("/?#&% \n") - {"%"}


@given(st.text(), st.integers(1, 300))
def test_shortened_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    short = names.shorten(text, limit)
    assert len(short) <= limit
    assert "\n" not in short


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a b", "ftp://x", "", "https://x\ny"])
def test_only_web_addresses_are_links(url: str) -> None:
    assert names.link(url) == ""


@given(st.integers(1, 12), st.floats(0, 0.999))
def test_backoff_grows_and_is_bounded(attempt: int, jitter: float) -> None:
    retry = Retry()
    wait = retry.backoff(attempt, jitter)
    assert 0 < wait <= retry.longest
    assert wait <= retry.backoff(attempt + 1, 0.999)


def test_how_long_github_asks_to_wait() -> None:
    assert limit_wait({"retry-after": "7"}, now=0) == 7
    assert limit_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, now=1000) == 31
    assert limit_wait({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "9"}, now=0) == UNSURE_WAIT
    assert limit_wait({"retry-after": "soon"}, now=0) == UNSURE_WAIT


def test_a_missing_permission_is_no_rate_limit() -> None:
    assert not is_limited(403, {"x-ratelimit-remaining": "4000"}, "Resource not accessible by integration")
    assert is_limited(403, {}, "You have exceeded a secondary rate limit.")
    assert is_limited(429, {}, "")


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/repos/a/b/statuses/abc", "statuses: write"),
        ("GET", "/repos/a/b/commits/main/status", "statuses: read"),
        ("POST", "/repos/a/b/issues/3/comments", "issues: write"),
        ("PATCH", "/repos/a/b/pulls/3", "pull-requests: write"),
        ("POST", "/repos/a/b/git/refs", "contents: write"),
        ("GET", "/repos/a/b/actions/runs/4/jobs", "actions: read"),
        ("GET", "/repos/a/b/actions/permissions", "administration: read"),
        ("GET", "/repos/a/b/branches/feature/x/protection", "administration: read"),
        ("POST", "/repos/a/b/deployments/1/statuses", "deployments: write"),
        ("GET", "/repos/a/b", "metadata: read"),
        ("GET", "/user", ""),
    ],
)
def test_which_permission_a_call_needs(method: str, path: str, needed: str) -> None:
    assert permissions.needed(method, path) == needed


def test_githubs_own_header_names_the_permission() -> None:
    assert (
        permissions.from_header("issues=write; pull_requests=write")
        == "issues: write or pull-requests: write"
    )
    assert permissions.from_header("contents=write,workflows=write") == "contents: write and workflows: write"
    assert permissions.from_header("<b>") == ""


def test_unavailable_is_never_an_answer() -> None:
    assert not Unavailable(reason="403")


def test_the_token_is_nowhere_to_be_read() -> None:
    secret = "ghs_" + "s" * 36
    client = GitHub.from_environ({"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": secret})
    shown = repr(client) + repr(client.transport) + str(vars(client)) + str(vars(client.transport))
    assert secret not in shown
    assert client.writable


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({}, "no repository"),
        ({"GITHUB_REPOSITORY": "a/b", "GITHUB_API_URL": "file:///etc"}, "no address"),
        ({"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "x\ny"}, "characters"),
    ],
)
def test_an_environment_that_cannot_be_used(environ: dict[str, str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        GitHub.from_environ(environ)


def test_only_jobs_that_wait_are_counted() -> None:
    def job(status: str, label: str) -> Job:
        return Job(
            id=1,
            name="j",
            status=status,
            conclusion="",
            labels=(label,),
            created="",
            started="",
            completed="",
        )

    found = count(
        2, [job("queued", "linux"), job("completed", "linux"), job("waiting", "gpu"), job("queued", "gpu")]
    )
    assert (found.jobs, found.by_status, found.by_label) == (
        3,
        {"queued": 2, "waiting": 1},
        {"gpu": 2, "linux": 1},
    )


def archive(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return buffer.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "a//x", "./x", "C:x", "a\\..\\x", "x" * 1001, "é" * 200, "a\nb", link("x")],
)
def test_names_that_leave_the_folder_are_refused_and_nothing_is_left(
    name: str | zipfile.ZipInfo, tmp_path: Path
) -> None:
    with pytest.raises(GitHubError, match="not allowed"):
        unpack(archive(("good.txt", b"1"), (name, b"2")), tmp_path / "out", Limits())
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_one_name_on_other_disks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GitHubError, match="not allowed"):
        unpack(archive(("A.txt", b"1"), ("a.txt", b"2")), tmp_path / "out", Limits())


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GitHubError, match="one name"):
        unpack(archive(("a", b"1"), ("a/b", b"2")), tmp_path / "out", Limits())


def test_caps_on_files_and_bytes(tmp_path: Path) -> None:
    bomb = archive(("zeros", bytes(5_000_000)))
    assert len(bomb) < 50_000
    with pytest.raises(GitHubError, match="unpacks to more"):
        unpack(bomb, tmp_path / "out", Limits(unpacked=1_000_000))
    with pytest.raises(GitHubError, match="more than 1 files"):
        unpack(archive(("a", b""), ("b", b"")), tmp_path / "out", Limits(files=1))
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=300), st.integers(0, 250))
def test_damaged_archives_end_in_an_error_and_leave_nothing(noise: bytes, place: int) -> None:
    import tempfile

    good = archive(("a/b.json", b'{"x": 1}' * 20))
    damaged = good[:place] + noise + good[place + len(noise) :]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out"
        try:
            unpack(damaged, target, Limits())
        except GitHubError:
            assert list(Path(folder).iterdir()) == []
        else:
            assert all(path.is_relative_to(target) for path in target.rglob("*"))


@pytest.mark.parametrize(
    ("ref", "number"),
    [
        ("refs/pull/12/merge", 12),
        ("refs/pull/12/head", 12),
        ("refs/heads/pull/1/merge", 0),
        ("refs/pull/0/merge", 0),
    ],
)
def test_the_pull_request_of_a_job(ref: str, number: int) -> None:
    assert pull_number({"GITHUB_REF": ref}) == number
    assert pull_number({}) == 0
