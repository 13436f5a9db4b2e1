"""Evidence, decisions, the verdict orders and ``tighten``: the spine every capability stands on."""

from signalbox.decision.bundle import Bundle, decode_bundle, make_bundle
from signalbox.decision.canonical import canonical, digest_of, sha256_hex
from signalbox.decision.freshness import format_time, parse_time, verify
from signalbox.decision.model import (
    SCHEMA_VERSION,
    Advice,
    Decision,
    Evidence,
    Gap,
    Mode,
    Origin,
    PolicyRef,
    Reason,
    Stamp,
    Status,
    Subject,
    Tier,
    not_verified,
)
from signalbox.decision.verdicts import (
    ORDERS,
    Order,
    exit_code,
    order_of,
    strictest,
    take_advice,
    tighten,
)

__all__ = [
    "ORDERS",
    "SCHEMA_VERSION",
    "Advice",
    "Bundle",
    "Decision",
    "Evidence",
    "Gap",
    "Mode",
    "Order",
    "Origin",
    "PolicyRef",
    "Reason",
    "Stamp",
    "Status",
    "Subject",
    "Tier",
    "canonical",
    "decode_bundle",
    "digest_of",
    "exit_code",
    "format_time",
    "make_bundle",
    "not_verified",
    "order_of",
    "parse_time",
    "sha256_hex",
    "strictest",
    "take_advice",
    "tighten",
    "verify",
]
