"""Which image runs: one digest read from a URL of the environment under test."""

from __future__ import annotations

import re

from signalbox.decision import Evidence, Gap

READ_SECONDS = 15
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def find_digest(text: str) -> str | None:
    """The one digest in an answer, whatever its shape; None where there is none or more than one."""
    found = set(_DIGEST.findall(text))
    return found.pop() if len(found) == 1 else None


class Watch:
    """Compares every reading with the first one and with the digest that was to be tested."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.first = ""
        self.readings = 0
        self.trouble: Gap | None = None

    def see(self, text: str | None, detail: str) -> Gap | None:
        """Take one answer (None: there was none) and say what is wrong with it; the first trouble stays."""
        self.readings += 1
        gap = self._wrong(text, detail)
        self.trouble = self.trouble or gap
        return gap

    def _wrong(self, text: str | None, detail: str) -> Gap | None:
        digest = find_digest(text) if text is not None else None
        if digest is None:
            why = detail or "the answer does not hold exactly one sha256 digest"
            return Gap("digest-unknown", f"what runs there could not be read: {why}")
        if self.first and digest != self.first:
            text = f"the environment changed from {self.first} to {digest} while the evals ran"
            return Gap("rollout-mid-run", text)
        self.first = digest
        if self.wanted and digest != self.wanted:
            return Gap("stale-image", f"the environment runs {digest}, not the candidate {self.wanted}")
        return None


class Running:
    """The environment under test, asked over HTTP for the digest it runs, as often as wanted."""

    def __init__(self, url: str, wanted: str, now: str) -> None:
        self.url, self.now = url, now
        self.watch = Watch(wanted)

    def begin(self, tagged: str) -> None:
        """Take the digest that the results say they were drawn from as the first reading."""
        self.watch.see(tagged or None, "the results do not say which digest they were drawn from")

    def read(self) -> Gap | None:
        """Ask once, and say what is wrong with the answer; without a URL nothing is asked."""
        if not self.url:
            return None
        from signalbox.signals.http import check_url, get, new_session

        session = new_session()
        try:
            answer = get(session, check_url(self.url, "--digest-url"), timeout=READ_SECONDS)
        finally:
            session.close()
        return self.watch.see(answer.text if answer.state == "ok" else None, answer.detail)

    def evidence(self) -> list[Evidence]:
        """One piece of evidence about what ran, where a URL was given."""
        if not self.url:
            return []
        from signalbox.signals.http import public

        trouble = self.watch.trouble
        return [
            Evidence(
                kind="evals-digest",
                status="not_verified" if trouble else "pass",
                source=public(self.url),
                gaps=(trouble,) if trouble else (),
                observed_at=self.now,
                tier="live-acceptance",
                facts={"digest": self.watch.first, "readings": self.watch.readings},
            )
        ]
