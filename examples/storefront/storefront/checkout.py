"""Turning a cart into a paid order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from storefront.cart import Cart
from storefront.payments import Gateway
from storefront.pricing import PriceList, Quote


@dataclass(frozen=True)
class Order:
    """A paid order."""

    number: int
    quote: Quote
    receipt: str

    def as_dict(self) -> dict[str, object]:
        """Return the order as it is sent."""
        return {"order": self.number, "receipt": self.receipt, "quote": self.quote.as_dict()}


class Checkout:
    """Prices carts and charges cards."""

    def __init__(self, prices: PriceList, gateway: Gateway) -> None:
        self._prices = prices
        self._gateway = gateway
        self._numbers = itertools.count(1)

    def pay(self, cart: Cart, card: str) -> Order:
        """Charge the card with the cart's price. Raises what pricing and `payments` raise."""
        quote = self._prices.quote(cart)
        with self._gateway.connect() as connection:
            receipt = connection.authorise(card, quote.total)
        return Order(next(self._numbers), quote, receipt)
