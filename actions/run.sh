#!/usr/bin/env bash
# What every action of this repository runs: makes an environment of its own and starts one script in it.
#
#   bash run.sh SCRIPT [EXTRA...]      e.g.  bash run.sh select_tests github
#
# Options reach the script as SIGNALBOX_<OPTION> environment variables, set line by line in action.yml.
# Nothing of the caller's is imported, read as configuration or changed:
#   - the environment lies under RUNNER_TEMP, named by the hash of what is installed into it, or under
#     SIGNALBOX_TOOL_DIR where a self-hosted runner's owner asks for it to be kept between jobs;
#   - it is installed from hashed requirement files, by a uv that is itself pinned by hash;
#   - the installers run outside the workspace and without the job's PYTHON*, UV_*, PIP_* and VIRTUAL_ENV;
#   - the script runs with python -I, so a module lying in the workspace is never imported.
set -euo pipefail

script=$1
shift
[[ $script =~ ^[a-z][a-z0-9_]*$ ]] || { echo "run.sh: not the name of a script: $script" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(dirname "$here")
workspace=$PWD

requirements=("$root/requirements/core.txt")
for extra in "$@"; do
  [[ -n $extra ]] || continue # an extra that an input leaves out
  [[ $extra =~ ^[a-z]+$ ]] || { echo "run.sh: not the name of an extra: $extra" >&2; exit 2; }
  requirements+=("$root/requirements/$extra.txt")
done

clean_environment() {
  local name
  unset VIRTUAL_ENV CONDA_PREFIX
  for name in "${!PYTHON@}" "${!UV_@}" "${!PIP_@}"; do unset "$name"; done
}

# A virtual environment's interpreter is bin/python, on Windows Scripts/python.exe.
interpreter() {
  if [[ -x $1/Scripts/python.exe ]]; then echo "$1/Scripts/python.exe"; else echo "$1/bin/python"; fi
}

# -I here too: without it "python3 -m pip" would import a pip.py lying in the working directory.
find_pip() {
  local candidate
  for candidate in python3 /usr/bin/python3 python; do
    if command -v "$candidate" >/dev/null && "$candidate" -I -m pip --version >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  echo "run.sh: no Python with pip was found (tried python3, /usr/bin/python3, python);" \
    "run actions/setup-python before this action" >&2
  return 2
}

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-16; }

# Renamed only when whole: a step that was cancelled half-way leaves nothing that looks finished.
keep() { if [[ -d $2 ]]; then rm -rf "$1"; else mv "$1" "$2"; fi; }

install() { # install ENVIRONMENT, run in the folder it lies in
  local environment=$1 home python half file uv=() arguments=()
  home=uv-$(digest <"$root/requirements/uv.txt")
  if [[ ! -d $home ]]; then
    python=$(find_pip)
    half=$(mktemp -d "half.XXXXXX")
    "$python" -I -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
      --no-cache-dir --no-deps --only-binary=:all: --require-hashes --requirement "$root/requirements/uv.txt" \
      --target "$half"
    keep "$half" "$home"
  fi
  half=$(mktemp -d "half.XXXXXX")
  uv=("$home/bin/uv" --quiet --cache-dir cache)
  "${uv[@]}" venv --no-project --relocatable --allow-existing --python '>=3.11' "$half"
  for file in "${requirements[@]}"; do arguments+=(--requirement "$file"); done
  "${uv[@]}" pip install --python "$(interpreter "$half")" --require-hashes "${arguments[@]}"
  "${uv[@]}" pip install --python "$(interpreter "$half")" --no-deps "$root"
  keep "$half" "$environment"
}

tools=${SIGNALBOX_TOOL_DIR:-${RUNNER_TEMP:?run.sh runs under GitHub Actions, where RUNNER_TEMP is set}/signalbox}
mkdir -p "$tools"
# The package's own source counts too: two versions of these actions may run in one job.
environment=env-$(
  {
    cat "${requirements[@]}" "$root/pyproject.toml"
    cd "$root/scripts"
    find signalbox -type f -not -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 tail -n +1
  } | digest
)
if [[ ! -d $tools/$environment ]]; then
  echo "::group::Signalbox: preparing its environment"
  (clean_environment && cd "$tools" && install "$environment") >&2
  echo "::endgroup::"
fi

# A bundle names the commit of Signalbox that made it; a tag or branch in a "uses:" is no commit.
export SIGNALBOX_COMMIT=
if [[ ${GITHUB_ACTION_REF:-} =~ ^[0-9a-f]{40}$ ]]; then SIGNALBOX_COMMIT=$GITHUB_ACTION_REF; fi

# Where a runner keeps an action says which repository and version it is of; summaries link to its documents.
export SIGNALBOX_DOCS=
if [[ $root =~ /_actions/([A-Za-z0-9-]+/[A-Za-z0-9._-]+)/([A-Za-z0-9._/-]+)$ ]]; then
  SIGNALBOX_DOCS=${GITHUB_SERVER_URL:-https://github.com}/${BASH_REMATCH[1]}/blob/${BASH_REMATCH[2]}/docs
fi

arguments=()
case $script in
  # These start the caller's own suite, which needs the caller's environment; python -I ignores that.
  index_tests)
    if [[ -z ${SIGNALBOX_MERGE:-}${SIGNALBOX_COVERAGE:-}${SIGNALBOX_GRAPH:-} ]]; then
      arguments=(-- bash -euo pipefail -c "${SUITE:?the input command is empty}")
    fi
    ;;
  run_shard | run_e2e) ;;
  *) clean_environment ;;
esac
cd "$workspace"
exec "$(interpreter "$tools/$environment")" -I "$root/scripts/$script.py" "${arguments[@]}"
