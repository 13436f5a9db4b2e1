"""Time pricing in two checkouts, in interleaved pairs, and write the pairs as JSON.

    python tests/performance/pairs.py --baseline ../storefront-main --candidate . --out pairs.json

Each pair runs one after the other in fresh processes, the order drawn anew for each pair, so that whatever
else the machine does meets both alike. Five pairs are the least that can ever show a regression at 5%.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

MEASURE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from storefront import catalogue, pricing
from storefront.cart import read_cart
carts = [{"lines": [{"sku": p.sku, "quantity": q} for p in catalogue.shipped().search()]} for q in (1, 2, 3)]
def work():
    for body in carts:
        pricing.shipped().quote(read_cart(body, catalogue.shipped()))
work()
best = float("inf")
for _ in range(20):
    start = time.perf_counter()
    for _ in range(20):
        work()
    best = min(best, time.perf_counter() - start)
print(json.dumps(best / 60))
"""


def seconds_per_quote(checkout: Path) -> float:
    """Return seconds for one quote: the best of twenty rounds in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(checkout)], capture_output=True, text=True, check=True, timeout=60
    )
    return float(json.loads(done.stdout))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, required=True, help="checkout of the version in production")
    parser.add_argument(
        "--candidate", type=Path, default=Path(), help="checkout of the new version (default: .)"
    )
    parser.add_argument("--pairs", type=int, default=6, help="how many (default: 6)")
    parser.add_argument("--seed", type=int, default=1, help="for the order within pairs (default: 1)")
    parser.add_argument("--out", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    order = random.Random(options.seed)
    pairs = []
    for _ in range(options.pairs):
        sides = ["baseline", "candidate"]
        order.shuffle(sides)
        pairs.append({side: seconds_per_quote(getattr(options, side)) for side in sides})
    benchmark = {
        "name": "quote",
        "unit": "s",
        "pairs": [[pair["baseline"], pair["candidate"]] for pair in pairs],
    }
    options.out.write_text(json.dumps({"benchmarks": [benchmark]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
