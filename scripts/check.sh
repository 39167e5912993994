#!/usr/bin/env bash
# Types, lint and format, dead code, tidy: side by side, each one's words only when it fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

declare -A pids
start() {
  local name=$1
  shift
  "$@" > "$logs/$name" 2>&1 &
  pids[$name]=$!
}

start types tsc -p tsconfig.json
start lint biome ci --colors=off .
start knip knip
start tidy node --import tsx scripts/run-tests.ts '^tidy\.test\.ts$'

failed=0
for name in types lint knip tidy; do
  if wait "${pids[$name]}"; then
    printf 'check: %s ok\n' "$name"
  else
    failed=1
    printf 'check: %s failed\n' "$name"
    cat "$logs/$name"
  fi
done
exit "$failed"
