"""Time pricing, for Signalbox's bench_pairs.py, which runs this at two revisions in turns.

bench_pairs.py --baseline main --pairs-out pairs.json -- python tests/performance/bench_quote.py
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, os.fspath(Path.cwd()))

from storefront import catalogue, pricing
from storefront.cart import read_cart

ROUNDS, REPEATS = 20, 20


def seconds_per_quote() -> float:
    """Seconds for one quote: the best of many rounds, which is the one that was disturbed least."""
    skus = [product.sku for product in catalogue.shipped().search()]
    bodies = [{"lines": [{"sku": sku, "quantity": quantity} for sku in skus]} for quantity in (1, 2, 3)]
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(REPEATS):
            for body in bodies:
                pricing.shipped().quote(read_cart(body, catalogue.shipped()))
        best = min(best, time.perf_counter() - started)
    return best / REPEATS / len(bodies)


if __name__ == "__main__":
    Path(os.environ["SIGNALBOX_BENCH_OUT"]).write_text(
        json.dumps({"quote": seconds_per_quote()}), encoding="utf-8"
    )
