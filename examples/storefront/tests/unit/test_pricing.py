import json
from pathlib import Path

import pytest
from storefront.cart import read_cart
from storefront.catalogue import shipped as catalogue
from storefront.pricing import BadVoucher, UnknownRegion, shipped

PRICED = json.loads((Path(__file__).parents[1] / "data" / "priced_carts.json").read_text(encoding="utf-8"))


def quote(body):
    return shipped().quote(read_cart(body, catalogue()))


@pytest.mark.parametrize("case", PRICED, ids=[case["why"] for case in PRICED])
def test_prices_as_calculated_by_hand(case):
    assert quote(case["cart"]).as_dict() == case["quote"]


def test_the_total_is_the_sum_of_its_parts():
    price = quote({"lines": [{"sku": "LAMP-02", "quantity": 2}], "region": "neighbours", "voucher": "STAFF"})
    assert price.total == price.subtotal - price.discount + price.shipping + price.tax


def test_a_region_without_shipping_is_an_error():
    with pytest.raises(UnknownRegion, match="moon"):
        quote({"lines": [{"sku": "MUGG-01"}], "region": "moon"})


@pytest.mark.parametrize("voucher", ["NOSUCH", "TENOFF", "STAFF"])
def test_a_voucher_that_does_not_apply_is_an_error(voucher):
    with pytest.raises(BadVoucher, match=voucher):
        quote({"lines": [{"sku": "STCK-01"}], "voucher": voucher})


def test_free_shipping_counts_what_is_paid_not_what_was_put_in():
    lines = [{"sku": "MUGG-01", "quantity": 6}]
    assert quote({"lines": lines}).shipping == 0
    assert quote({"lines": lines, "voucher": "STAFF"}).shipping > 0
