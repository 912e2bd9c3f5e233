#!/usr/bin/env bash
# Puts the openai npm client into the cache: the HTTP endpoints is tested with it.
set -euo pipefail
cache=${BTX_CACHE:-$HOME/.cache/btx}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/host/openai-client
dir=$cache/openai-client
cmp -s "$source/package-lock.json" "$dir/package-lock.json" && [ -f "$dir/done" ] && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; the HTTP endpoints is tested with the openai npm client" >&2; exit 1; }
echo "fetching the openai npm client (tests drive the HTTP endpoints with it; once)" >&2
rm -rf "$dir"
mkdir -p "$dir"
cp "$source/package.json" "$source/package-lock.json" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
  echo "error: npm could not install the openai client: $(tail -n 1 "$dir/npm.log")" >&2
  exit 1
}
touch "$dir/done"
