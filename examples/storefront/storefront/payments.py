"""The payment provider, as its sandbox behaves.

A connection takes a handshake; a payment on it is answered in a few milliseconds. The provider hangs up
after `payments_per_connection` payments and does not say so: a payment sent after that gets no answer, and
`Timeout` is raised when `reply_timeout` is over. (Waiting is `sleep`, so that a test need not wait.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType


class Declined(Exception):
    """The card was refused; trying again will not help."""


class Timeout(Exception):
    """The provider did not answer in time."""


@dataclass
class Gateway:
    """Where payments are sent. Durations are in seconds."""

    handshake: float = 0.012
    answer: float = 0.004
    reply_timeout: float = 0.75
    payments_per_connection: int = 8
    sleep: Callable[[float], None] = time.sleep
    handshakes: int = field(default=0, init=False)

    def connect(self) -> Connection:
        """Open a connection."""
        self.sleep(self.handshake)
        self.handshakes += 1
        return Connection(self)


class Connection:
    """One open connection to the provider; a context manager."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._left = gateway.payments_per_connection

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = 0

    def authorise(self, card: str, amount: int) -> str:
        """Charge `amount` cents and return the receipt. Raises `Declined` and `Timeout`."""
        if self._left <= 0:
            self._gateway.sleep(self._gateway.reply_timeout)
            raise Timeout(f"no answer within {self._gateway.reply_timeout} s")
        self._left -= 1
        self._gateway.sleep(self._gateway.answer)
        if card.startswith("tok_declined"):
            raise Declined("the card was declined")
        return f"rcpt_{amount}_{card[-4:]}"
