#!/usr/bin/env bash
# usage: fetch-proto.sh DIR    puts onnx.proto into DIR, once, under a lock: from an installed libonnx-dev, else from the Debian package.
set -euo pipefail
dir=$1
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
[ -f "$dir/fetched.stamp" ] && [ -f "$dir/onnx.proto" ] && exit 0

installed=/usr/include/onnx/onnx.proto
if [ ! -f "$installed" ]; then
  fail() {
    echo "error: onnx.proto cannot be had: $1. It comes from the Debian package libonnx-dev: run 'apt-get update && apt-get install libonnx-dev', or put the ONNX project's onnx.proto at $dir/onnx.proto and create $dir/fetched.stamp." >&2
    exit 1
  }
  command -v apt-get >/dev/null || fail "apt-get is not installed"
  work=$(mktemp -d "$dir/download.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  download() { (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download libonnx-dev) >"$work/log" 2>&1; }
  if ! download; then
    { [ "$(id -u)" = 0 ] && apt-get -q update >"$work/log" 2>&1 && download; } || fail "apt-get download libonnx-dev failed ($(grep -v '^$' "$work/log" | tail -1))"
  fi
  dpkg -x "$work"/libonnx-dev_*.deb "$work/unpacked" || fail "the package libonnx-dev cannot be unpacked"
  installed=$work/unpacked/usr/include/onnx/onnx.proto
  [ -f "$installed" ] || fail "the package libonnx-dev holds no onnx.proto"
fi
cp "$installed" "$dir/onnx.proto.tmp"
mv "$dir/onnx.proto.tmp" "$dir/onnx.proto"
touch "$dir/fetched.stamp"
