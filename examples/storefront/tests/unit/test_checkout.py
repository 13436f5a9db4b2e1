import pytest
from storefront.cart import read_cart
from storefront.catalogue import shipped as catalogue
from storefront.checkout import Checkout
from storefront.payments import Declined
from storefront.pricing import BadVoucher
from storefront.pricing import shipped as prices


@pytest.fixture
def checkout(gateway):
    return Checkout(prices(), gateway)


def cart(**more):
    return read_cart({"lines": [{"sku": "MUGG-01", "quantity": 2}], **more}, catalogue())


def test_charges_the_total_and_returns_the_receipt(checkout):
    order = checkout.pay(cart(), "tok_visa4242")
    assert order.receipt == f"rcpt_{order.quote.total}_4242"


def test_numbers_orders_in_sequence(checkout):
    assert [checkout.pay(cart(), "tok_visa4242").number for _ in range(3)] == [1, 2, 3]


def test_a_declined_card_makes_no_order(checkout):
    with pytest.raises(Declined):
        checkout.pay(cart(), "tok_declined0002")
    assert checkout.pay(cart(), "tok_visa4242").number == 1


def test_nothing_is_charged_for_a_cart_without_a_price(checkout, gateway):
    with pytest.raises(BadVoucher):
        checkout.pay(cart(voucher="NOSUCH"), "tok_visa4242")
    assert gateway.handshakes == 0
