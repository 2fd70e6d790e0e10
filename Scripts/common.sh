# shellcheck shell=bash
# Shared by the scripts: messages, the virtual environment, the `apus` command. Sourcing it changes to the root of the
# repository.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -t 1 ]; then bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true); else bold="" plain=""; fi

# Prints the beginning of a step.
step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

# Prints a detail of the step.
note() { printf '    %s\n' "$*"; }

# Prints an error and exits.
fail() {
    printf '%sFAILED: %s%s\n' "$bold" "$*" "$plain" >&2
    exit 1
}

# Prints the time since the script began: "3 min 07 s".
elapsed() { printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60)); }

# The virtual environment: VENV; else .venv if it has $PYTHON's version or does not exist yet; else .venv-3.N.
python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
if [ -z "${VENV:-}" ]; then
    VENV=.venv
    wanted=$(python_version "${PYTHON:-python3}")
    if [ -x .venv/bin/python ] && [ -n "$wanted" ] && [ "$(python_version .venv/bin/python)" != "$wanted" ]; then
        VENV=.venv-$wanted
    fi
fi
export VENV

# Sets and exports APUS_CLI, the path of the `apus` command. Builds the command unless the variable is set.
find_apus() {
    if [ -z "${APUS_CLI:-}" ]; then
        step "Building the command apus"
        swift build --package-path Tools --product apus >&2
        APUS_CLI=$(swift build --package-path Tools --show-bin-path)/apus
    fi
    export APUS_CLI
}
