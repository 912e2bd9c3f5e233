"""Prints one line for the pairs that run.sh has measured: medians, ratio of each pair, bar, distance of the losses. Exits with 1 below the bar."""
import json
import statistics
import sys

BARS = {("demo", "1"): 1.2, ("d256", "2"): 1.05}
folder, pairs, size, threads = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]


def load(name, i):
    with open(f"{folder}/{name}.{i}.json") as f:
        return json.load(f)


ours = [load("ours", i) for i in range(pairs)]
python = [load("python", i) for i in range(pairs)]
ratios = sorted(o["tokens_per_second"] / p["tokens_per_second"] for o, p in zip(ours, python))
work = statistics.median(o["tokens_per_cpu_second"] / p["tokens_per_cpu_second"] for o, p in zip(ours, python))
distance = max(abs(a - b) for a, b in zip(ours[0]["losses"][:20], python[0]["losses"][:20]))
bar = BARS.get((size, threads))
median = statistics.median(ratios)
verdict = "no bar" if bar is None else f"bar {bar}: {'held' if median >= bar else 'MISSED'}"
print(f"{size}, {threads} thread(s): here {statistics.median(o['tokens_per_second'] for o in ours):.0f} tokens/s, "
      f"PyTorch {statistics.median(p['tokens_per_second'] for p in python):.0f}, "
      f"ratio {median:.3f}, {verdict} (median of {pairs} pairs, {ratios[0]:.3f} to {ratios[-1]:.3f}); "
      f"per second of processor time {work:.3f}; "
      f"largest difference of the first 20 losses {distance:.1e}")
if distance > 1e-3:
    sys.exit("error: the losses differ; the two runs do not train the same network")
sys.exit(bar is not None and median < bar)
