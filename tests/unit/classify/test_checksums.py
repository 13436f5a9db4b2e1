import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.classify import checksums


@given(st.text("0123456789", min_size=8, max_size=18))
def test_luhn_accepts_exactly_one_check_digit(body):
    assert sum(checksums.luhn(body + d) for d in "0123456789") == 1


@given(st.integers(0, 99_999_999))
def test_dni_accepts_exactly_one_letter(number):
    letters = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if checksums.dni(f"{number:08d}{c}")]
    assert len(letters) == 1


@given(st.text("0123456789", min_size=14, max_size=20))
def test_iban_accepts_one_pair_of_check_digits_in_97(body):
    assert sum(checksums.iban(f"DE{pair:02d}{body}") for pair in range(2, 99)) == 1


@pytest.mark.parametrize(
    "number", ["378282246310005", "5555555555554444", "6011111111111117", "30569309025904"]
)
def test_cards_of_the_large_issuers(number):
    assert checksums.card(number)
    assert not checksums.card(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize("number", ["0000000000000000", "9999999999999995", "4222222222222"[:-1]])
def test_numbers_that_are_no_cards(number):
    assert not checksums.card(number)


@pytest.mark.parametrize("number", ["111.111.111-11", "000.000.000-00"])
def test_cpf_of_one_digit_is_never_issued(number):
    assert not checksums.cpf(number)


def test_impossible_dates():
    assert not checksums.pesel("44053201353")
    assert not checksums.personnummer("811332-9870")
