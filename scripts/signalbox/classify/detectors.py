"""What a secret and personal data look like: one table, in order of precedence.

Every pattern starts behind a look-behind (so a run of its own characters is tried once, not at each
position), has possessive or bounded quantifiers, and nests none: the time is linear in the text however
hostile it is. `hints` are lower-case literals of which at least one must occur in the text for the pattern
to be tried at all, which keeps the usual clean text cheap.
"""

from __future__ import annotations

import enum
import math
import re
from collections import Counter
from collections.abc import Callable

import msgspec

from signalbox.classify import checksums


class DataClass(enum.IntEnum):
    """How far data may travel; the order is from least to most sensitive."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def label(self) -> str:
        """The word used in policies and contracts: Public, Internal, Confidential, Restricted."""
        return self.name.capitalize()

    @classmethod
    def parse(cls, text: str) -> DataClass:
        """The class named by `text`, in any case. Raises ValueError for anything else."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            known = ", ".join(c.label for c in cls)
            raise ValueError(f"{text!r} is not a data class; known: {known}") from None


class Detector(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of sensitive value.

    The value is group 1 of `pattern` if it has a group, else the whole match. `accept` sees that value and
    may turn the match down. `exact` detectors hardly ever err, so they may change a record that is kept.
    """

    name: str
    group: str
    data_class: DataClass
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    accept: Callable[[str], bool] | None = None
    exact: bool = False


# Values people write where a secret would stand. Compared in lower case.
_PLACEHOLDER = re.compile(
    r"^(?:\$|\{|<|%|\[|xxx|\*\*\*|\.\.\.|example|changeme|change-me|dummy|placeholder|redacted|your[-_ ]"
    r"|none\b|null\b|true\b|false\b|os\.environ|process\.env|secrets\.|env\.|getenv)"
)


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits per character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def _looks_random(value: str) -> bool:
    if _PLACEHOLDER.match(value.lower()):
        return False
    mixed = any(c.isdigit() for c in value) or any(not c.isalnum() for c in value)
    return mixed and entropy(value) >= 2.5


def _is_password(value: str) -> bool:
    return not _PLACEHOLDER.match(value.lower())


def _is_generated(value: str) -> bool:
    """Digits and both cases: a generated key, not a name in words such as a package's."""
    return all(any(test(c) for c in value) for test in (str.isdigit, str.isupper, str.islower))


def _names_somebody(address: str) -> bool:
    """Not GitHub's no-reply addresses, nor reserved example domains, nor the user of every git server."""
    lowered = address.lower()
    nobody = ("noreply.github.com", "@example.com", "@example.org", "@example.net")
    return not lowered.endswith(nobody) and not lowered.startswith("git@")


def _secret(name: str, pattern: str, *hints: str, accept: Callable[[str], bool] | None = None) -> Detector:
    return Detector(
        name=name,
        group="secret",
        data_class=DataClass.RESTRICTED,
        pattern=re.compile(pattern),
        hints=hints,
        accept=accept,
        exact=True,
    )


def _personal(
    name: str,
    pattern: str,
    accept: Callable[[str], bool] | None,
    data_class: DataClass = DataClass.RESTRICTED,
    *hints: str,
) -> Detector:
    return Detector(
        name=name,
        group="personal",
        data_class=data_class,
        pattern=re.compile(pattern),
        hints=hints,
        accept=accept,
    )


_W = r"(?<![A-Za-z0-9_-])"  # a token starts here
_N = r"(?<![0-9A-Za-z.\-])"  # a number starts here, and not inside a decimal, a UUID or a hash
_E = r"(?![0-9A-Za-z\-])"

DETECTORS: tuple[Detector, ...] = (
    _secret(
        "private-key",
        # An unclosed block is cut at the end of the text: half a key is a key.
        r"(?s)-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----(?:BEGIN|END)).){0,16384}+(?:-----END [A-Z0-9 ]{1,60}-----)?",
        "private key",
    ),
    _secret(
        "aws-access-key",
        _W + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        "akia",
        "asia",
        "abia",
        "acca",
    ),
    _secret(
        "github-token",
        _W + r"(?:gh[pousr]_[A-Za-z0-9]{36,255}+|github_pat_[A-Za-z0-9_]{22,255}+)",
        "gh",
        "github_pat_",
    ),
    _secret("gitlab-token", _W + r"gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{20,255}+", "gl"),
    _secret("slack-token", _W + r"xox[abeoprs]-[A-Za-z0-9-]{10,255}+", "xox"),
    _secret("slack-webhook", r"hooks\.slack\.com/services/[A-Za-z0-9_/-]{20,200}+", "hooks.slack.com"),
    _secret("stripe-key", _W + r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,255}+", "k_live_", "k_test_"),
    _secret("model-api-key", _W + r"sk-[A-Za-z0-9_-]{20,255}+", "sk-", accept=_is_generated),
    _secret("google-api-key", _W + r"AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])", "aiza"),
    _secret("npm-token", _W + r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])", "npm_"),
    _secret("pypi-token", _W + r"pypi-[A-Za-z0-9_-]{50,512}+", "pypi-"),
    _secret("huggingface-token", _W + r"hf_[A-Za-z0-9]{30,255}+", "hf_"),
    _secret("sendgrid-key", _W + r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}+", "sg."),
    _secret("digitalocean-token", _W + r"do[opr]_v1_[a-f0-9]{64}", "_v1_"),
    _secret("vault-token", _W + r"hv[sbr]\.[A-Za-z0-9_-]{24,512}+", "hv"),
    _secret("azure-account-key", r"AccountKey=([A-Za-z0-9+/]{40,120}+={0,2})", "accountkey="),
    _secret(
        "json-web-token",
        _W + r"eyJ[A-Za-z0-9_-]{8,4096}+\.eyJ[A-Za-z0-9_-]{8,8192}+\.[A-Za-z0-9_-]{0,2048}+",
        "eyj",
    ),
    _secret(
        "authorization-header",
        r"(?i)(?<![a-z])authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:bearer|basic|token)\s{1,4}([A-Za-z0-9._~+/=-]{8,4096}+)",
        "authorization",
        accept=_is_password,
    ),
    _secret(
        "connection-string",
        r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}+://(?:(?!\[redacted:)[^\s:/@\"'<>\0]){0,128}+:"
        r"((?:(?!\[redacted:)[^\s@/\"'<>\0]){1,256}+)@",
        "://",
        accept=_is_password,
    ),
    Detector(
        name="assigned-secret",
        group="secret",
        data_class=DataClass.RESTRICTED,
        pattern=re.compile(
            r"(?i)(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key"
            r"|private[_-]?key|credentials?)[\"']?\s{0,4}(?:=>|:=|={1,2}|:)\s{0,4}[\"'`]?((?:(?!\[redacted:)[^\s\"'`,;)}\]\0]){8,512}+)"
        ),
        hints=("passw", "passphrase", "secret", "token", "key", "credential"),
        accept=_looks_random,
    ),
    _personal(
        "email",
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])",
        _names_somebody,
        DataClass.CONFIDENTIAL,
        "@",
    ),
    _personal(
        "iban", _N + r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?" + _E, checksums.iban
    ),
    _personal(
        "payment-card",
        _N
        + r"(?:[0-9]{13,19}|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
        + r"|[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7})"
        + _E,
        checksums.card,
    ),
    _personal(
        "national-id-fr",
        _N + r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}" + _E,
        checksums.nir,
    ),
    _personal("national-id-es", _N + r"(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-Z]" + _E, checksums.dni),
    _personal("national-id-br", _N + r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}" + _E, checksums.cpf),
    _personal("national-id-pl", _N + r"[0-9]{11}" + _E, checksums.pesel),
    _personal("national-id-se", _N + r"(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}" + _E, checksums.personnummer),
    _personal(
        "national-id-it",
        _N + r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]" + _E,
        checksums.codice_fiscale,
    ),
    _personal("national-id-gb-nhs", _N + r"[0-9]{3} [0-9]{3} [0-9]{4}" + _E, checksums.nhs),
    _personal("national-id-us", _N + r"[0-9]{3}-[0-9]{2}-[0-9]{4}" + _E, checksums.ssn),
    _personal(
        "phone",
        r"(?<![0-9A-Za-z.+\-])\+[1-9][0-9]{0,3}(?:[ .-]?\(?[0-9]{2,4}\)?){2,5}" + _E,
        lambda v: 9 <= len(checksums.digits(v)) <= 15,
        DataClass.CONFIDENTIAL,
        "+",
    ),
)
