"""The example's modules are no package of ours: tests find them by their folders."""

import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"
for folder in ("storefront", "demo"):
    if str(EXAMPLES / folder) not in sys.path:
        sys.path.append(str(EXAMPLES / folder))
