#!/usr/bin/env bash
# Runs bin/meridian, built again first if a source is newer than it: scripts/cluster.sh up --detach
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/bin/meridian

stale() {
    [ ! -x "$program" ] && return 0
    [ -n "$(find "$here" -path "$here/.git" -prune -o -path "$here/.meridian" -prune -o \
        -type f \( -name '*.go' ! -name '*_test.go' -o -name go.mod -o -name go.sum -o -name '*.json' \) \
        -newer "$program" -print -quit)" ]
}

if stale; then
    echo "building bin/meridian" >&2
    version=$(git -C "$here" describe --tags --always --dirty 2>/dev/null || echo unknown)
    (cd "$here" && CGO_ENABLED=0 go build -ldflags "-X main.version=$version" -o bin/meridian ./cmd/meridian) || exit 1
    touch "$program" # go leaves an unchanged program's time as it was
fi
exec "$program" "$@"
