#!/usr/bin/env bash
# unchanged.sh COMMAND… runs a command and fails if it changed a file of the work tree, tracked or new. It
# compares with the state before, so uncommitted changes do not matter.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
  git ls-files -co --exclude-standard -z | sort -z | while IFS= read -r -d '' file; do
    if [ -f "$file" ]; then printf '%s\0' "$file"; fi
  done | xargs -0 sha256sum
}

if [ $# -eq 0 ]; then
  echo "usage: unchanged.sh COMMAND…" >&2
  exit 2
fi
before=$(state)
"$@"
if ! difference=$(diff <(echo "$before") <(state)); then
  echo "unchanged.sh: '$*' changed these files, so they were out of date; commit the new state:" >&2
  sed -nE 's/^[<>] [0-9a-f]{64}  /  /p' <<<"$difference" | sort -u >&2
  exit 1
fi
