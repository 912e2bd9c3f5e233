"""Prints which OPENBLAS_CORETYPE multiplies fastest here. Each name needs a process of its own, and one whose instructions the processor lacks dies.

OpenBLAS 0.3.21 does not know newer processors and takes its kernels of 2004 on them, a sixth as fast as the best.
"""
import os
import subprocess
import sys

TRIAL = """
import time, torch
torch.set_num_threads(1)
a, b = torch.randn(1024, 256), torch.randn(256, 704)
best = 0
for _ in range(9):
    start = time.perf_counter()
    for _ in range(4): a @ b
    best = max(best, 4 * 2 * 1024 * 256 * 704 / (time.perf_counter() - start))
print(best)
"""

best, speed = "", 0.0
for name in ("", "Haswell", "Zen", "SkylakeX", "Cooperlake"):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")} | {"OPENBLAS_NUM_THREADS": "1"}
    if name:
        environment["OPENBLAS_CORETYPE"] = name
    trial = subprocess.run([sys.executable, "-c", TRIAL], env=environment, capture_output=True, text=True)
    if trial.returncode == 0 and float(trial.stdout) > speed * 1.05:
        best, speed = name, float(trial.stdout)
print(best)
