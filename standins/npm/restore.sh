#!/usr/bin/env bash
# usage: restore.sh DIR [SOURCE]   installs the packages of SOURCE/package-lock.json (default: beside this script) into
# DIR/node_modules, once, under a lock, and drops what Linux x64 does not load.
set -euo pipefail
source=$(cd "${2:-$(dirname "$0")}" && pwd)
dir=$1
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
[ -f "$dir/restored.stamp" ] && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; ONNX Runtime comes from an npm package here. Install npm, or build with -p:UseStandins=false." >&2; exit 1; }
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
# Mobile and Windows binaries are two thirds of the download; nothing here loads them.
find "$dir/node_modules" -mindepth 3 -maxdepth 3 -path '*/Plugins/*' ! -name Linux ! -name '*.meta' -exec rm -rf {} +
touch "$dir/restored.stamp"
