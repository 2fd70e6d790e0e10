# shellcheck shell=bash
# How the scripts speak. Sourced, from the package's root.

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
