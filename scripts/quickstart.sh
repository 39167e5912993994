#!/usr/bin/env bash
# From a fresh clone to a trained, evaluated agent. Further arguments go to `varft train`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
exec node cli/varft.mjs train config/quickstart.toml "$@"
