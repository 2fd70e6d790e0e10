# shellcheck shell=bash
# What the scripts share: messages, the virtual environment, the `apus` command. They source it and then are at the root
# of the repository.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -t 1 ]; then bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true); else bold="" plain=""; fi

# A step that begins.
step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

# A detail of the step.
note() { printf '    %s\n' "$*"; }

# The end, badly.
fail() {
    printf '%sFAILED: %s%s\n' "$bold" "$*" "$plain" >&2
    exit 1
}

# How long since the script began, as in "3 min 07 s".
elapsed() { printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60)); }

# The virtual environment: VENV, or .venv where it is of $PYTHON's version or there is none yet, else .venv-3.N beside it.
python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
if [ -z "${VENV:-}" ]; then
    VENV=.venv
    wanted=$(python_version "${PYTHON:-python3}")
    if [ -x .venv/bin/python ] && [ -n "$wanted" ] && [ "$(python_version .venv/bin/python)" != "$wanted" ]; then
        VENV=.venv-$wanted
    fi
fi
export VENV

# Sets and exports APUS_CLI, the path of the `apus` command: built, unless it is set already.
find_apus() {
    if [ -z "${APUS_CLI:-}" ]; then
        step "Building the command apus"
        swift build --package-path Tools --product apus >&2
        APUS_CLI=$(swift build --package-path Tools --show-bin-path)/apus
    fi
    export APUS_CLI
}
