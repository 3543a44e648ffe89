#!/usr/bin/env bash
# unformatted.sh names the Go files that gofumpt would change, and fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

files=$(go tool -modfile=scripts/tools/go.mod gofumpt -l .)
if [ -n "$files" ]; then
  echo "not formatted (make format does it):" >&2
  echo "$files" >&2
  exit 1
fi
