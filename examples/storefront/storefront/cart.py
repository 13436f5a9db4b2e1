"""What a customer wants to buy. Carts travel with the request; the service keeps none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storefront.catalogue import Catalogue, Product

MOST_LINES = 50
MOST_OF_ONE = 99


class BadCart(ValueError):
    """The cart is not one that can be priced; the message says why."""


@dataclass(frozen=True)
class Line:
    """So many of one product."""

    product: Product
    quantity: int

    @property
    def total(self) -> int:
        """Cents, before tax and discounts."""
        return self.product.price * self.quantity

    @property
    def weight(self) -> int:
        """Grams."""
        return self.product.weight * self.quantity


@dataclass(frozen=True)
class Cart:
    """The lines, the region they go to, and a voucher code or an empty text."""

    lines: tuple[Line, ...]
    region: str
    voucher: str = ""

    @property
    def subtotal(self) -> int:
        """Cents, before tax and discounts."""
        return sum(line.total for line in self.lines)

    @property
    def weight(self) -> int:
        """Grams."""
        return sum(line.weight for line in self.lines)


def read_cart(body: Any, catalogue: Catalogue) -> Cart:
    """Read a cart from a request's JSON, merging lines of one product.

    Raises `BadCart` for what is no cart and `UnknownProduct` for what is not sold.
    """
    if not isinstance(body, Mapping):
        raise BadCart("a cart is a JSON object")
    rows = body.get("lines")
    if not isinstance(rows, list) or not rows:
        raise BadCart("a cart needs at least one line")
    if len(rows) > MOST_LINES:
        raise BadCart(f"a cart holds at most {MOST_LINES} lines")
    quantities: dict[str, int] = {}
    for row in rows:
        sku, quantity = _line(row)
        quantities[sku] = quantities.get(sku, 0) + quantity
    for sku, quantity in quantities.items():
        if quantity > MOST_OF_ONE:
            raise BadCart(f"{quantity} of {sku}: at most {MOST_OF_ONE} of one product")
    region, voucher = body.get("region", "home"), body.get("voucher", "")
    if not isinstance(region, str) or not isinstance(voucher, str):
        raise BadCart("region and voucher are texts")
    lines = tuple(Line(catalogue.find(sku), quantity) for sku, quantity in quantities.items())
    return Cart(lines, region, voucher.strip().upper())


def _line(row: Any) -> tuple[str, int]:
    if not isinstance(row, Mapping) or not isinstance(row.get("sku"), str):
        raise BadCart("a line names a sku")
    quantity = row.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise BadCart(f"the quantity of {row['sku']} is a whole number of at least 1")
    return row["sku"], quantity
