"""What a cart costs: voucher, shipping, tax. Money is in whole cents everywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from storefront.cart import Cart
from storefront.catalogue import DATA


class UnknownRegion(LookupError):
    """Nothing is shipped to this region."""


class BadVoucher(ValueError):
    """The voucher does not exist, or not for this cart."""


@dataclass(frozen=True)
class Quote:
    """The parts of a price. `total` = subtotal - discount + shipping + tax."""

    subtotal: int
    discount: int
    shipping: int
    tax: int

    @property
    def total(self) -> int:
        """Cents to pay."""
        return self.subtotal - self.discount + self.shipping + self.tax

    def as_dict(self) -> dict[str, int]:
        """Return the parts and the total, as they are sent."""
        return {
            "subtotal": self.subtotal,
            "discount": self.discount,
            "shipping": self.shipping,
            "tax": self.tax,
            "total": self.total,
        }


class PriceList:
    """The rules of one price list: regions (shipping, free-shipping limit, tax by class) and vouchers."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self._regions: dict[str, Any] = rules["regions"]
        self._vouchers: dict[str, Any] = rules["vouchers"]

    @classmethod
    def read(cls, path: Path) -> PriceList:
        """Read the rules from a JSON file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def quote(self, cart: Cart) -> Quote:
        """Price a cart. Raises `UnknownRegion` and `BadVoucher`."""
        region = self._region(cart.region)
        discount = self._discount(cart)
        goods = cart.subtotal - discount
        shipping = 0 if goods >= region["free_shipping_from"] else self._shipping(region, cart.weight)
        return Quote(cart.subtotal, discount, shipping, self._tax(region, cart, discount))

    def _region(self, name: str) -> dict[str, Any]:
        try:
            region: dict[str, Any] = self._regions[name]
        except KeyError:
            raise UnknownRegion(name) from None
        return region

    def _discount(self, cart: Cart) -> int:
        if not cart.voucher:
            return 0
        voucher = self._vouchers.get(cart.voucher)
        if voucher is None:
            raise BadVoucher(f"{cart.voucher} is not a voucher")
        if cart.subtotal < voucher.get("from", 0):
            raise BadVoucher(f"{cart.voucher} needs goods for {voucher['from']} cents")
        if "percent" in voucher:
            return cart.subtotal * int(voucher["percent"]) // 100
        return min(int(voucher["amount"]), cart.subtotal)

    @staticmethod
    def _shipping(region: dict[str, Any], weight: int) -> int:
        # Every started kilogram costs once more.
        return int(region["shipping_per_kg"]) * -(-weight // 1000)

    @staticmethod
    def _tax(region: dict[str, Any], cart: Cart, discount: int) -> int:
        """Tax each line at its class's rate, on its share of what is paid; round half up, once at the end."""
        paid = cart.subtotal - discount
        # Thousandths of a percent of a cent, so that nothing is rounded before the end.
        exact = sum(line.total * int(region["tax"][line.product.tax_class]) for line in cart.lines)
        denominator = 10_000 * cart.subtotal
        return (2 * exact * paid + denominator) // (2 * denominator)


@lru_cache(maxsize=1)
def shipped() -> PriceList:
    """Return the price list that ships with the service."""
    return PriceList.read(DATA / "price_rules.json")
