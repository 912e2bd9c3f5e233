#!/bin/sh
# usage: build-shim.sh OUT.so CACHE    compiles native/*.cpp; CACHE keeps results by a hash of sources, flags and compiler.
set -eu
cd "$(dirname "$0")"
out=$1
cache=$2
cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || { echo "error: $cxx not found; the libtorch shim needs a C++ compiler (Debian: apt-get install g++ libtorch-dev), or build with -p:UseStandins=false for the TorchSharp package" >&2; exit 1; }
found=$(./detect-torch.sh)
compile=$(echo "$found" | sed -n 1p)
link=$(echo "$found" | sed -n 2p)
arch=
[ "$(uname -m)" = x86_64 ] && arch=-march=x86-64-v3
flags="-O3 -g0 -fPIC -fvisibility=hidden -fno-math-errno -w $arch"
key=$({ cat native/*; echo "$flags $compile $link"; "$cxx" --version | head -1; } | sha256sum | cut -c1-20)
mkdir -p "$cache" "$(dirname "$out")"
if [ ! -f "$cache/$key.so" ]; then
  echo "compiling the libtorch shim (once, about 15 s)"
  # One translation unit: parsing ATen's headers is what takes the time.
  for source in native/*.cpp; do echo "#include \"$source\""; done |
    "$cxx" $flags $compile -I. -shared -x c++ - -x none -o "$cache/$key.$$" $link
  mv "$cache/$key.$$" "$cache/$key.so"
fi
cmp -s "$cache/$key.so" "$out" || cp "$cache/$key.so" "$out"
