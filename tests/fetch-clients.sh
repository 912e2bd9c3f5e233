#!/usr/bin/env bash
# usage: fetch-clients.sh    puts the clients for npm that tests/host/Clients/npm names into the cache: HTTP is tested with them. Once.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/host/Clients/npm
dir=${BTX_CACHE:-$HOME/.cache/btx}/clients
is_there() { cmp -s "$source/package-lock.json" "$dir/package-lock.json" && [ -f "$dir/done" ]; }
is_there && exit 0
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
is_there && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; HTTP is tested with clients that come from npm. Install npm." >&2; exit 1; }
echo "fetching the clients for npm (tests drive HTTP with them; 120 MB, once)" >&2
rm -rf "$dir"
mkdir -p "$dir"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
  echo "error: npm could not install the clients: $(tail -n 1 "$dir/npm.log")" >&2
  exit 1
}
touch "$dir/done"
