import pytest
from storefront.cart import MOST_LINES, MOST_OF_ONE, BadCart, read_cart
from storefront.catalogue import UnknownProduct, shipped


def read(body):
    return read_cart(body, shipped())


def test_reads_lines_region_and_voucher():
    cart = read(
        {"lines": [{"sku": "MUGG-01", "quantity": 3}], "region": "overseas", "voucher": " welcome10 "}
    )
    assert [(line.product.sku, line.quantity) for line in cart.lines] == [("MUGG-01", 3)]
    assert (cart.region, cart.voucher) == ("overseas", "WELCOME10")


def test_quantity_is_one_and_region_is_home_unless_said():
    cart = read({"lines": [{"sku": "MUGG-01"}]})
    assert (cart.lines[0].quantity, cart.region, cart.voucher) == (1, "home", "")


def test_lines_of_one_product_are_merged():
    cart = read({"lines": [{"sku": "MUGG-01", "quantity": 2}, {"sku": "WHIS-01"}, {"sku": "MUGG-01"}]})
    assert [(line.product.sku, line.quantity) for line in cart.lines] == [("MUGG-01", 3), ("WHIS-01", 1)]


def test_adds_up_money_and_weight():
    cart = read({"lines": [{"sku": "MUGG-01", "quantity": 2}, {"sku": "WHIS-01"}]})
    assert (cart.subtotal, cart.weight) == (2 * 1450 + 1250, 2 * 280 + 60)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"lines": []},
        {"lines": "MUGG-01"},
        {"lines": ["MUGG-01"]},
        {"lines": [{"quantity": 1}]},
        {"lines": [{"sku": "MUGG-01", "quantity": 0}]},
        {"lines": [{"sku": "MUGG-01", "quantity": -1}]},
        {"lines": [{"sku": "MUGG-01", "quantity": 1.5}]},
        {"lines": [{"sku": "MUGG-01", "quantity": True}]},
        {"lines": [{"sku": "MUGG-01", "quantity": MOST_OF_ONE}, {"sku": "MUGG-01"}]},
        {"lines": [{"sku": "MUGG-01"}] * (MOST_LINES + 1)},
        {"lines": [{"sku": "MUGG-01"}], "region": 7},
        {"lines": [{"sku": "MUGG-01"}], "voucher": ["STAFF"]},
    ],
)
def test_refuses_what_is_no_cart(body):
    with pytest.raises(BadCart):
        read(body)


def test_refuses_what_is_not_sold():
    with pytest.raises(UnknownProduct):
        read({"lines": [{"sku": "NOPE-99"}]})
