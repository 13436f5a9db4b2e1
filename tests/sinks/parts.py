"""An MLflow tracking server and an OpenTelemetry collector for the lane of sinks, kept in .cache/sinks.

    python tests/sinks/parts.py        get both, say how long each took; exit 1 with the reason

MLflow comes into an environment of its own; the collector is built from its Go modules, with the receiver the
ledger speaks to and an exporter that prints what it got. Nothing of it is committed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "sinks"
MLFLOW = "3.17.2"
COLLECTOR = "0.162.0"
_PARTS = ("otelcol", "exporter/debugexporter", "receiver/otlpreceiver")
_SECONDS = 1500
_MAIN = """
package main

import (
	"log"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](debugexporter.NewFactory())
	return otelcol.Factories{
		Receivers: receivers, Exporters: exporters, Telemetry: otelconftelemetry.NewFactory(),
	}, err
}

func main() {
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "test"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
			DefaultScheme:     "file",
		}},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		log.Fatal(err)
	}
}
"""


class Unavailable(Exception):
    """A part cannot be had here; the message says why."""


def mlflow() -> Path:
    """The interpreter of an environment with MLflow."""
    home = CACHE / f"mlflow-{MLFLOW}"
    python = home / "bin" / "python"
    if not (home / "whole").exists():
        shutil.rmtree(home, ignore_errors=True)
        _run(["uv", "venv", "--quiet", "--python", sys.executable, str(home)], CACHE)
        _run(["uv", "pip", "install", "--quiet", "--python", str(python), f"mlflow=={MLFLOW}"], CACHE)
        (home / "whole").touch()
    return python


def collector() -> Path:
    """The collector, built if need be."""
    built = CACHE / f"collector-{COLLECTOR}"
    if not built.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            folder = Path(name)
            (folder / "main.go").write_text(_MAIN)
            needed = "go.opentelemetry.io/collector"
            _run(["go", "mod", "init", "signalbox.test/collector"], folder)
            parts = (f"{needed}/{part}@v{COLLECTOR}" for part in _PARTS)
            _run(["go", "get", *parts], folder)
            _run(["go", "mod", "tidy"], folder)
            _run(["go", "build", "-ldflags=-s -w", "-o", "built", "."], folder)
            (folder / "built").replace(built)
    return built


def _run(command: list[str], where: Path) -> None:
    where.mkdir(parents=True, exist_ok=True)
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed")
    go = {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false -mod=mod", "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env=os.environ | go,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command[:3])} took over {_SECONDS} s") from None
    if done.returncode:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-1:]
        raise Unavailable(f"{' '.join(command[:3])}: {last[0][:200] if last else 'failed'}")


def main() -> int:
    """Get both; what cannot be had is named on the last line."""
    missing = []
    for name, get in (("MLflow", mlflow), ("the collector", collector)):
        began = time.monotonic()
        try:
            print(f"{name}: {get()}  {time.monotonic() - began:.0f} s", flush=True)
        except Unavailable as error:
            missing.append(f"{name} cannot be had: {error}")
            print(missing[-1], flush=True)
    return 1 if len(missing) == 2 else 0


if __name__ == "__main__":
    sys.exit(main())
