#!/usr/bin/env bash
# Set-up, the quick check, then every test. Arguments are patterns for the test runner and skip the check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
run() { node --import tsx scripts/run-tests.ts "$1"; }

if [ "$#" -gt 0 ]; then
  for pattern in "$@"; do run "$pattern"; done
  exit
fi

npm run -s check
# Cheap ones first. A process of its own for each group: engines give their memory back, and what
# one of them leaves behind cannot spoil another. The last group is whatever no other one names.
groups=('^(tidy|(events|config|tasks)/)' '^(storage|runtime)/' '^model-input/' '^model-output/' '^model/' '^cli/' '^sandbox/' '^actors/')
named='tidy|events/|config/|tasks/|storage/|runtime/|model-input/|model-output/|model/|cli/|sandbox/|actors/'
failed=()
for pattern in "${groups[@]}" "^(?!$named)"; do
  run "$pattern" || failed+=("$pattern")
done
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'tests failed in %s\n' "${failed[@]}"
  exit 1
fi
