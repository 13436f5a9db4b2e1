"""Work is counted here, which no busy machine can disturb; `bench_quote.py` measures time."""

import sys

from storefront.cart import MOST_LINES, read_cart
from storefront.catalogue import Catalogue, Product
from storefront.pricing import shipped


def calls_to_quote(lines):
    """Return how many Python calls it takes to price a cart of so many lines."""
    products = [Product(f"P-{n}", f"Product {n}", 100 + n, 50, "standard") for n in range(MOST_LINES)]
    cart = read_cart({"lines": [{"sku": f"P-{n}"} for n in range(lines)]}, Catalogue(products))
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        shipped().quote(cart)
    finally:
        sys.setprofile(None)
    return calls


def test_pricing_a_cart_is_linear_in_its_lines():
    shipped()
    small, medium, large = calls_to_quote(10), calls_to_quote(20), calls_to_quote(40)
    assert large - medium == 2 * (medium - small) > 0
