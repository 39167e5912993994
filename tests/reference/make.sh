#!/usr/bin/env bash
# Makes the fixtures of tests/fixtures again: bash tests/reference/make.sh [VENV]
# VENV is the Python environment to use, made if it is not there; without one a fresh one is used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=${1:-$(mktemp -d)/venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement tests/reference/requirements.txt
# The small models have token ids that transformers' defaults do not know, and it says so at length.
export PYTHONWARNINGS=ignore TRANSFORMERS_VERBOSITY=error TQDM_DISABLE=1
for script in metrics algorithms tokenizer_parity model_input input_parity qwen_parity parquet_files peft_roundtrip; do
  echo "$script"
  "$venv/bin/python" "tests/reference/$script.py"
done
git status --short tests/fixtures
