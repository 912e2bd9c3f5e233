#!/usr/bin/env bash
# HTTP beside gRPC, from Node: run.sh SERVED [MODEL] [ROUNDS]. Serves a copy of the directory on free ports; needs npm for the clients.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$here/../..
served=$(readlink -f "${1:?the directory of a served forest}")
cache=${BTX_CACHE:-$HOME/.cache/btx}/protocol-pair
if ! cmp -s "$here/package.json" "$cache/package.json" || [ ! -f "$cache/done" ]; then
  rm -rf "$cache" && mkdir -p "$cache" && cp "$here/package.json" "$cache/"
  (cd "$cache" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error)
  touch "$cache/done"
fi
log=$(mktemp)
"$root/btx" serve --forest "$served" --read-only --http 127.0.0.1:0 --grpc 127.0.0.1:0 >"$log" &
server=$!
trap 'kill $server; wait $server || true; rm -f "$log"' EXIT
until grep -q '^Ctrl-C' "$log"; do kill -0 $server; sleep 0.2; done
http=$(sed -n 's|.*HTTP *\(http://[^ ]*\)/v1.*|\1|p' "$log")
grpc=$(sed -n 's|.*gRPC *http://\([^ ]*\).*|\1|p' "$log")
node "$here/pair.mjs" "$cache" "$root/protos" "$http" "$grpc" "${2:-expert:$(sed -n 's/.*experts (\([^,)]*\).*/\1/p' "$log" | head -1)}" "${3:-15}"
