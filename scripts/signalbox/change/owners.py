"""CODEOWNERS, read from the base: the change under judgement cannot name its own owners."""

from __future__ import annotations

from pathlib import Path

from signalbox.config.globs import pattern

from .git import GitFailed, git

_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


class Owners:
    """Who owns which path; the last line that matches wins, as on GitHub."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[str, tuple[str, ...]]] = []
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if words and not words[0].startswith(("!", "[")):
                self._rules.append((_glob(words[0]), tuple(words[1:])))

    @classmethod
    def read(cls, repo: Path, commit: str) -> Owners:
        """From the first of GitHub's three places that exists at ``commit``."""
        for place in _PLACES if commit else ():
            try:
                return cls(git(repo, "show", f"{commit}:{place}").decode("utf-8", "replace")[:1_000_000])
            except GitFailed:
                continue
        return cls("")

    def of(self, path: str) -> tuple[str, ...]:
        """The owners of ``path``, as written (``@team``, ``@person``, an address)."""
        for glob, owners in reversed(self._rules):
            if pattern(glob).fullmatch(path) or pattern(glob + "/**").fullmatch(path):
                return owners
        return ()


def _glob(rule: str) -> str:
    anchored = "/" in rule.rstrip("/")
    glob = rule.strip("/")
    if rule.endswith("/"):
        glob += "/**"
    return glob if anchored else "**/" + glob
