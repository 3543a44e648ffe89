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

# only_out_of_time says whether a run failed for no other reason than that its time was over: on a busy machine
# `go test -fuzz` may report the end of fuzztime as a failure. A find always names its input.
only_out_of_time() {
  grep -q '^ *context deadline exceeded$' "$1" && ! grep -Eq 'Failing input written|seed corpus entry|panic:' "$1"
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo "fuzz.sh: $(wc -l <<<"$targets") targets, $time each"
while read -r folder target; do
  echo "fuzz.sh: $folder $target"
  if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$folder" </dev/null >"$output" 2>&1; then
    grep -E '^fuzz: elapsed' "$output" | tail -n 1 || true
  elif only_out_of_time "$output"; then
    echo "fuzz.sh: $target: the time was over in the middle of a run; nothing found"
  else
    cat "$output"
    exit 1
  fi
done <<<"$targets"
