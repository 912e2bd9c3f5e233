#!/bin/sh
# Finds a libtorch and prints two lines: compiler flags, linker flags.
# Order: $TORCH_HOME (the folder that holds include/ and lib/), Debian's libtorch-dev, the torch of python3.
set -eu
if [ -n "${TORCH_HOME:-}" ]; then
  home=$TORCH_HOME
  [ -f "$home/include/ATen/ATen.h" ] || { echo "error: TORCH_HOME=$home: no include/ATen/ATen.h there; it must be the folder of a libtorch that holds include/ and lib/" >&2; exit 1; }
elif [ -f /usr/include/ATen/ATen.h ]; then
  home=/usr
else
  home=$(python3 -c 'import importlib.util as u, os; print(os.path.dirname(u.find_spec("torch").origin))' 2>/dev/null || true)
  if [ -z "$home" ] || [ ! -f "$home/include/ATen/ATen.h" ]; then
    echo "error: libtorch not found; install it (Debian: apt-get install libtorch-dev g++), or set TORCH_HOME to a libtorch folder, or build with -p:UseStandins=false for the TorchSharp package" >&2
    exit 1
  fi
fi

api="$home/include/torch/csrc/api/include"
version=$api/torch/version.h
[ -f "$home/include/torch/version.h" ] && version=$home/include/torch/version.h
major=$(sed -n 's/^#define TORCH_VERSION_MAJOR //p' "$version")
minor=$(sed -n 's/^#define TORCH_VERSION_MINOR //p' "$version")

standard=17
if [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 12 ]; }; then standard=20; fi

if [ "$home" = /usr ]; then
  echo "-std=c++$standard -I$api"
  echo "-ltorch_cpu -lc10"
else
  # The pip builds used the old C++ ABI until 2.6.
  abi=1
  config="$home/share/cmake/Torch/TorchConfig.cmake"
  [ -f "$config" ] && grep -q '_GLIBCXX_USE_CXX11_ABI=0' "$config" && abi=0
  echo "-std=c++$standard -D_GLIBCXX_USE_CXX11_ABI=$abi -I$home/include -I$api"
  cuda=
  # Nothing refers to these two by name: they register themselves when loaded.
  [ -f "$home/lib/libtorch_cuda.so" ] && cuda=" -ltorch_cuda -lc10_cuda"
  echo "-L$home/lib -Wl,-rpath,$home/lib -Wl,--no-as-needed -ltorch_cpu -lc10$cuda"
fi
