"""The export as Parquet, read by the library that most tools stand on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sinks import parts

from signalbox.ledger import FolderLedger

pytestmark = pytest.mark.real
SCRIPT = Path(__file__).parents[2] / "scripts" / "compact_ledger.py"
READ = """
import json, sys
import pyarrow.parquet as parquet
table = parquet.read_table(sys.argv[1])
rows = table.to_pylist()
json.dump({"types": [str(kind) for kind in table.schema.types], "rows": rows}, sys.stdout)
"""


def test_pyarrow_reads_the_export(ledger: FolderLedger, tmp_path: Path) -> None:
    try:
        python = parts.mlflow()  # it brings pyarrow
    except parts.Unavailable as error:
        pytest.skip(str(error))
    out = tmp_path / "all.parquet"
    command = [sys.executable, str(SCRIPT), "--ledger", str(ledger.root), "--export", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    done = subprocess.run([str(python), "-c", READ, str(out)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["types"] == ["string"] * 9 + ["bool"]
    entries = [*ledger.decisions().entries, *ledger.outcomes().entries]
    assert [row["record"].encode() for row in found["rows"]] == [entry.raw for entry in entries]
    assert [row["kind"] for row in found["rows"]] == ["promotion", "rollout", "outcome"]
