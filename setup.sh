#!/usr/bin/env bash
# Makes what the Makefile's targets need, says what it does, and does nothing that is done already.
# Usage: ./setup.sh python | programs | npm | browser …
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 2; }

# What the caller's shell has set for its own Python must not reach ours.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV UV_PROJECT_ENVIRONMENT

find_uv() {
  local candidate
  for candidate in .cache/uv/bin/uv "$(command -v uv || true)"; do
    [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1 && { echo "$candidate"; return; }
  done
  say "uv is missing: installing it from PyPI into .cache/uv" >&2
  command -v python3 >/dev/null || fail "python3 is missing; install Python 3.11 or newer"
  python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing; install it (Debian: apt install python3-pip) or install uv"
  python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    --require-hashes -r requirements/uv.txt --target .cache/uv >&2
  echo .cache/uv/bin/uv
}

setup_python() {
  local wanted uv
  wanted=$(cat requirements/dev.txt pyproject.toml | sha256sum | cut -c1-16)
  [ -f .venv/.signalbox ] && [ "$(cat .venv/.signalbox)" = "$wanted" ] && return
  uv=$(find_uv)
  say "making .venv (Python ≥ 3.11 and everything in requirements/dev.txt, checked by hash)"
  [ -x .venv/bin/python ] || "$uv" venv --quiet --python '>=3.11' .venv
  "$uv" pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
  echo "$wanted" > .venv/.signalbox
}

# Program → Debian package. The tests start these for real, on loopback.
PROGRAMS=(prometheus:prometheus haproxy:haproxy docker-registry:docker-registry shellcheck:shellcheck node:nodejs npm:npm chromium:chromium)

setup_programs() {
  local missing=() pair sudo=""
  for pair in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null; then
    say "no apt here; please install these yourself, the tests that need them are skipped by name: ${missing[*]}"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "not root and no sudo; please install: ${missing[*]}"; return; }
    sudo="sudo"
  fi
  say "installing Debian packages: ${missing[*]}"
  $sudo apt-get update -qq
  # Installed to be started by the tests: Debian would also start each as a service.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || say "apt could not install all of: ${missing[*]}; the tests that need them are skipped by name"
}

# npm comes with Node from PyPI, so that what runs is the same everywhere.
setup_npm() {
  local folder wanted npm=$PWD/.venv/bin/npm
  for folder in tests evals; do
    wanted=$(sha256sum "$folder/package-lock.json" | cut -d" " -f1) # the mark that run_evals leaves too
    [ -f "$folder/node_modules/.signalbox" ] && [ "$(cat "$folder/node_modules/.signalbox")" = "$wanted" ] && continue
    say "installing npm packages from $folder/package-lock.json"
    (cd "$folder" && PATH="$(dirname "$npm"):$PATH" "$npm" ci --silent --no-audit --no-fund --ignore-scripts)
    printf %s "$wanted" > "$folder/node_modules/.signalbox"
  done
}

[ $# -gt 0 ] || fail "say what to set up: python, programs, npm, browser"
for part in "$@"; do
  case "$part" in
    python) setup_python ;;
    programs) setup_programs "${PROGRAMS[@]}" ;;
    browser) setup_programs chromium:chromium ;;
    npm) setup_npm ;;
    *) fail "unknown part $part" ;;
  esac
done
