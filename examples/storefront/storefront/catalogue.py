"""What the shop sells, read once from a data file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


class UnknownProduct(LookupError):
    """No product carries this stock keeping unit."""


@dataclass(frozen=True)
class Product:
    """One article. `price` is in cents, `weight` in grams."""

    sku: str
    name: str
    price: int
    weight: int
    tax_class: str


class Catalogue:
    """The products by their stock keeping unit, in the order of the file."""

    def __init__(self, products: list[Product]) -> None:
        self._by_sku = {product.sku: product for product in products}
        if len(self._by_sku) != len(products):
            raise ValueError("two products share one sku")

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """Read `{"products": [{"sku", "name", "price", "weight", "tax_class"}]}`."""
        rows = json.loads(path.read_text(encoding="utf-8"))["products"]
        return cls([Product(**row) for row in rows])

    def find(self, sku: str) -> Product:
        """Return the product, or raise `UnknownProduct`."""
        try:
            return self._by_sku[sku]
        except KeyError:
            raise UnknownProduct(sku) from None

    def search(self, text: str = "") -> list[Product]:
        """Return the products whose name holds `text`, whatever its case; all of them for an empty text."""
        needle = text.casefold().strip()
        return [product for product in self._by_sku.values() if needle in product.name.casefold()]


@lru_cache(maxsize=1)
def shipped() -> Catalogue:
    """Return the catalogue that ships with the service."""
    return Catalogue.read(DATA / "catalogue.json")
