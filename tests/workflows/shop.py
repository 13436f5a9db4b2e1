"""A caller's repository that is small enough to be read here: two modules, their tests, a suite in shell."""

from __future__ import annotations

import textwrap

POLICY = """\
mode: enforce
suites:
  unit: {minutes: 1, paths: ["**"], tests: ["tests"]}
  full: {minutes: 1, paths: [], tests: ["tests"]}
selection:
  audit-rate: 0
"""
FILES = {
    ".github/signalbox.yml": POLICY,
    ".gitignore": "__pycache__/\n.pytest_cache/\n.signalbox/\n",
    "shop/__init__.py": "",
    "shop/price.py": "def total(cents, quantity):\n    return cents * quantity\n",
    "shop/stock.py": "def left(stock, sold):\n    return stock - sold\n",
    "tests/test_price.py": "from shop.price import total\ndef test_total():\n    assert total(25, 2) == 50\n",
    "tests/test_stock.py": "from shop.stock import left\ndef test_left():\n    assert left(5, 2) == 3\n",
}
SLOWER = "def total(cents, quantity):\n    return sum(cents for _ in range(quantity))\n"
WRONG = "def total(cents, quantity):\n    return cents + quantity\n"

# A project in another language, for which only suites and modules can be declared.
SHELL_POLICY = textwrap.dedent(
    """\
    mode: enforce
    modules:
      app: {command: 'echo built > "$SIGNALBOX_ARTIFACTS/app.bin"'}
      tool: {command: 'test "$MODULE" = tool'}
    suites:
      unit: {minutes: 1, paths: ["**"], command: "sh check.sh"}
      full: {minutes: 1, paths: [], command: "sh check.sh"}
    selection:
      audit-rate: 0
    """
)
SHELL_FILES = {
    ".github/signalbox.yml": SHELL_POLICY,
    "app.sh": "echo hello\n",
    "check.sh": "grep -q hello app.sh\n",
}
