"""Check digits of payment cards, bank accounts and national identifiers.

A pattern alone finds too many innocent numbers. Each function here takes the text of one candidate
(separators allowed where people write them) and answers whether its own check digit holds. All run in
time linear in a candidate of at most 34 characters.
"""

from __future__ import annotations

import datetime

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_MONTHS_IT = "ABCDEHLMPRST"
# Codice fiscale: the weight of a character in an odd position (counted from 1), for 0-9 and A-Z alike.
_ODD_IT = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def digits(text: str) -> str:
    """The ASCII digits of `text`, in order."""
    return "".join(c for c in text if "0" <= c <= "9")


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1 mod 10."""
    total = 0
    for place, digit in enumerate(reversed(digits(text))):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(text: str) -> bool:
    """A payment card: a known issuer range, the right length for it, and Luhn."""
    number = digits(text)
    if len(set(number)) == 1:
        return False
    two, three, four = int(number[:2]), int(number[:3]), int(number[:4])
    lengths: tuple[int, ...] = ()
    if number[0] == "4":
        lengths = (13, 16, 19)
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        lengths = (16,)
    elif two in (34, 37):
        lengths = (15,)
    elif two in (36, 38, 39) or 300 <= three <= 305:
        lengths = (14,)
    elif four == 6011 or two == 65 or 644 <= three <= 649 or 3528 <= four <= 3589 or two == 62:
        lengths = (16, 17, 18, 19)
    return len(number) in lengths and luhn(number)


def iban(text: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10-35, mod 97 equals 1."""
    compact = "".join(text.split()).upper()
    if not 15 <= len(compact) <= 34 or not compact.isascii() or not compact.isalnum():
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def dni(text: str) -> bool:
    """Spanish DNI or NIE: the last letter is the number mod 23."""
    compact = text.replace("-", "").replace(" ", "").upper()
    body, letter = compact[:-1], compact[-1]
    number = {"X": "0", "Y": "1", "Z": "2"}.get(body[0], body[0]) + body[1:]
    return number.isdigit() and _DNI_LETTERS[int(number) % 23] == letter


def cpf(text: str) -> bool:
    """Brazilian CPF: two check digits, each mod 11."""
    number = [int(c) for c in digits(text)]
    if len(number) != 11 or len(set(number)) == 1:
        return False
    for size in (9, 10):
        rest = sum(n * (size + 1 - i) for i, n in enumerate(number[:size])) * 10 % 11 % 10
        if rest != number[size]:
            return False
    return True


def nir(text: str) -> bool:
    """French NIR (INSEE): 13 digits and their key, 97 minus the number mod 97; Corsica as 2A/2B."""
    compact = "".join(text.split()).upper().replace("2A", "19", 1).replace("2B", "18", 1)
    if len(compact) != 15 or not compact.isdigit():
        return False
    month = int(compact[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42) and 97 - int(compact[:13]) % 97 == int(compact[13:])


def pesel(text: str) -> bool:
    """Polish PESEL: a real birth date (the century is in the month) and a weighted mod 10."""
    number = [int(c) for c in digits(text)]
    if len(number) != 11:
        return False
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[number[2] // 2]
    month = number[2] % 2 * 10 + number[3]
    if not _is_date(century + number[0] * 10 + number[1], month, number[4] * 10 + number[5]):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return (10 - sum(w * n for w, n in zip(weights, number, strict=False)) % 10) % 10 == number[10]


def personnummer(text: str) -> bool:
    """Swedish personal number: a real birth date and Luhn over ten digits."""
    number = digits(text)
    if len(number) not in (10, 12):
        return False
    ten = number[-10:]
    return _is_date(2000 + int(ten[:2]), int(ten[2:4]), int(ten[4:6])) and luhn(ten)


def codice_fiscale(text: str) -> bool:
    """Italian codice fiscale: month letter and the control character, mod 26."""
    code = text.upper()
    if len(code) != 16 or code[8] not in _MONTHS_IT:
        return False
    total = 0
    for place, character in enumerate(code[:15]):
        value = int(character) if character.isdigit() else ord(character) - 65
        total += _ODD_IT[value] if place % 2 == 0 else value
    return chr(65 + total % 26) == code[15]


def nhs(text: str) -> bool:
    """UK NHS number: weighted mod 11."""
    number = [int(c) for c in digits(text)]
    if len(number) != 10 or len(set(number)) == 1:
        return False
    return (11 - sum(n * (10 - i) for i, n in enumerate(number[:9])) % 11) % 11 == number[9]


def ssn(text: str) -> bool:
    """US social security number: no check digit exists; only never-issued ranges are ruled out."""
    number = digits(text)
    area = int(number[:3])
    return area not in (0, 666) and area < 900 and number[3:5] != "00" and number[5:] != "0000"


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
