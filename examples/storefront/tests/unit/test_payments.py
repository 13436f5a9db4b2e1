import pytest
from storefront.payments import Gateway, Timeout


def test_a_payment_waits_for_handshake_and_answer():
    waited = []
    with Gateway(handshake=3, answer=1, sleep=waited.append).connect() as connection:
        assert connection.authorise("tok_visa4242", 1990) == "rcpt_1990_4242"
    assert waited == [3, 1]


def test_the_provider_hangs_up_silently():
    waited = []
    gateway = Gateway(payments_per_connection=2, reply_timeout=9, sleep=waited.append)
    connection = gateway.connect()
    connection.authorise("tok_visa4242", 1)
    connection.authorise("tok_visa4242", 1)
    with pytest.raises(Timeout):
        connection.authorise("tok_visa4242", 1)
    assert waited[-1] == 9


def test_a_closed_connection_takes_no_payment(gateway):
    with gateway.connect() as connection:
        pass
    with pytest.raises(Timeout):
        connection.authorise("tok_visa4242", 1)
