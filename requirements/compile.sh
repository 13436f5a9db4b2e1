#!/usr/bin/env bash
# Compiles every hashed requirement file from pyproject.toml. Run it after changing a dependency.
# All files are constrained by dev.txt, so any two of them can be installed together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compile() { uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 "$@"; }
upgrade=()
[ "${1:-}" = "--upgrade" ] && upgrade=(--upgrade)
compile "${upgrade[@]}" pyproject.toml --all-extras --group dev -o requirements/dev.txt
compile pyproject.toml -c requirements/dev.txt -o requirements/core.txt
for extra in github advisor signals evidence gitops evals; do
  compile pyproject.toml --extra "$extra" -c requirements/dev.txt -o "requirements/$extra.txt"
done
echo 'uv>=0.11' | compile - -o requirements/uv.txt
