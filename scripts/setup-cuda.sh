#!/usr/bin/env bash
# Installs onnxruntime's CUDA provider, which is too large for its npm package: runs the step of
# onnxruntime-node that fetches it from NuGet. An ordinary `npm ci` leaves it out (.npmrc), and
# removes it; run this again after one.
#
#   npm run setup:cuda
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PACKAGE=node_modules/onnxruntime-node
readonly FOLDER=$PACKAGE/bin/napi-v6/linux/x64

fail() {
  printf 'setup:cuda: %s\n' "$*" >&2
  exit 1
}

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] \
  || fail "onnxruntime-node has its CUDA provider for Linux on x86_64 only, this is $(uname -s) $(uname -m)"
[ -f "$PACKAGE/script/install.js" ] || fail "$PACKAGE is missing: run npm ci first"

echo "setup:cuda: fetching onnxruntime's CUDA provider from api.nuget.org (some hundred MB) into $PACKAGE"
# The variable goes before the line in .npmrc that leaves this step out.
ONNXRUNTIME_NODE_INSTALL=true node "$PACKAGE/script/install.js" \
  || fail "the step of onnxruntime-node failed, see above; behind a proxy set GLOBAL_AGENT_HTTPS_PROXY"
for name in shared cuda; do
  [ -f "$FOLDER/libonnxruntime_providers_$name.so" ] \
    || fail "libonnxruntime_providers_$name.so did not arrive in $FOLDER"
done
echo "setup:cuda: installed. It needs an NVIDIA driver, CUDA 12 and cuDNN 9 on this host; varft doctor shows the GPUs"
