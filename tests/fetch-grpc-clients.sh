#!/usr/bin/env bash
# usage: fetch-grpc-clients.sh    puts gRPC for Node (npm) and for Python (Debian packages) into the cache: gRPC is tested with them. Once. Nothing is
# installed; Python is the system's own, /usr/bin/python3.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/host/Clients/grpc
dir=${BTX_CACHE:-$HOME/.cache/btx}/grpc-clients
is_there() { cmp -s "$source/package-lock.json" "$dir/package-lock.json" && [ -f "$dir/done" ]; }
is_there && exit 0
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
is_there && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; gRPC is tested with a client that comes from npm. Install npm." >&2; exit 1; }
[ -x /usr/bin/python3 ] || { echo "error: /usr/bin/python3 is not there; gRPC is tested with a client for it. Install python3." >&2; exit 1; }
echo "fetching gRPC for Node and for Python (tests drive the server with them; 20 MB, once)" >&2
rm -rf "$dir"
mkdir -p "$dir/debs"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
  echo "error: npm could not install gRPC: $(tail -n 1 "$dir/npm.log")" >&2
  exit 1
}
# grpcio and protobuf, and the libraries that they need besides the system's, whatever these are called in this release.
packages() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances python3-grpcio |
    grep -xE 'python3-(grpcio|protobuf|six)|libabsl[0-9a-z]+|libc-ares2|libre2-[0-9]+|libprotobuf[0-9a-z]+' | sort -u
}
# _apt, apt's download user, may not enter a private folder; the archives are verified by apt either way.
download() { (cd "$dir/debs" && apt-get -o APT::Sandbox::User=root download -q $(packages)) >"$dir/apt.log" 2>&1; }
# Lists that are missing or stale are renewed once.
download || { [ "$(id -u)" = 0 ] && apt-get -q update >"$dir/apt.log" 2>&1 && download; } || {
  echo "error: apt-get could not download python3-grpcio: $(tail -n 1 "$dir/apt.log"); run apt-get update and try again" >&2
  exit 1
}
for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir/python"; done
rm -rf "$dir/debs"
touch "$dir/done"
