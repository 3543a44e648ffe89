#!/usr/bin/env bash
# fuzz.sh [TIME] runs every fuzz target of the module for TIME (10s), one after the other, and fails with the
# first that finds something. Go keeps the input under testdata/fuzz of that package: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0

time=${1:-10s}
targets=$(git ls-files -co --exclude-standard '*_test.go' |
  xargs grep -H '^func Fuzz[A-Z]' | sed -E 's|/[^/]*_test\.go:func (Fuzz[A-Za-z0-9_]*).*| \1|' | sort -u) || true
if [ -z "$targets" ]; then
  echo "fuzz.sh: found no fuzz target: the search is broken" >&2
  exit 1
fi
echo "fuzz.sh: $(wc -l <<<"$targets") targets, $time each"
while read -r folder target; do
  echo "fuzz.sh: $folder $target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$folder" </dev/null
done <<<"$targets"
