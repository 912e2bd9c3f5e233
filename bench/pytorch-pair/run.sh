#!/usr/bin/env bash
# Trains the same network on the same batches from the same weights here and in PyTorch, in alternating runs on one machine,
# and prints tokens per second of both, the median ratio beside its bar, and how far the first 20 losses are apart.
# Exit code 1: a bar was missed (demo on 1 thread 1.2, d256 on 2 threads 1.05), or the losses part.
# usage: run.sh [--pairs N] [--threads "1 2"] [--sizes "demo d256"]
#   needs Debian's python3-torch (apt-get install python3-torch libopenblas0-pthread) and a built trainer (dotnet build trainer -c Release)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
pairs=5 threads="1 2" sizes="demo d256"
while [ $# -gt 0 ]; do
  case $1 in
    --pairs) pairs=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    --sizes) sizes=$2; shift 2 ;;
    *) echo "error: $1: unknown option; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
trainer=${TRAINER:-$root/artifacts/bin/Btx.Trainer/release/Btx.Trainer}
"$python" -c 'import torch' 2>/dev/null || { echo "error: $python has no torch; apt-get install python3-torch libopenblas0-pthread, or set PYTHON" >&2; exit 1; }
[ -x "$trainer" ] || { echo "error: $trainer is not built; dotnet build trainer -c Release" >&2; exit 1; }
# PyTorch gets what the trainer sets for itself: threads that wait without spinning, and as many BLAS threads as asked for
# (torch.set_num_threads does not reach OpenBLAS). Both help it.
export OMP_WAIT_POLICY=passive
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE # a machine may set them; they slow it
kernel=$("$python" "$here/kernel.py")
echo "PyTorch multiplies with OpenBLAS's kernels for ${kernel:-the processor that it finds}, the fastest here"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0

for size in $sizes; do
  case $size in
    demo) shape="--batch 2 --context 128"; steps="--warm-up 20 --steps 150" ;;
    d256) shape="--batch 8 --context 256"; steps="--warm-up 2 --steps 20" ;;
    *) shape="--batch 4 --context 256"; steps="--warm-up 2 --steps 20" ;;
  esac
  "$trainer" bench-train --preset "$size" $shape --write "$work/$size"
  for t in $threads; do
    for ((pair = 0; pair < pairs; pair++)); do
      sides="ours python"
      [ $((pair % 2)) = 0 ] || sides="python ours" # neither always runs after the other
      for side in $sides; do
        case $side in
          ours) "$trainer" bench-train --from "$work/$size" $shape $steps --threads "$t" ;;
          python) env ${kernel:+OPENBLAS_CORETYPE=$kernel} OPENBLAS_NUM_THREADS="$t" "$python" "$here/train.py" "$work/$size" $shape $steps --threads "$t" ;;
        esac >"$work/$side.$pair.json"
      done
    done
    "$python" "$here/compare.py" "$work" "$pairs" "$size" "$t" || missed=1
  done
done
exit $missed
