#!/usr/bin/env bash
# Makes the Python environment of the peers that benchmarks compare with. Nothing else needs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python3 -m venv .venv
.venv/bin/pip install --quiet ray==2.60.0
