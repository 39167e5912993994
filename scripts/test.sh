#!/usr/bin/env bash
# Set-up, the quick check, then every test. Arguments are patterns for the test runner and skip the check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
if [ "$#" -eq 0 ]; then npm run -s check; fi
exec node --import tsx scripts/run-tests.ts "$@"
