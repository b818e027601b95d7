# SPDX-License-Identifier: MIT
"""usage: use_torch.py healthy | exhaust | expandable | async | limit | assert | fork"""
import os
import sys

what = sys.argv[1]
if what in ("expandable", "async"):
    os.environ["PYTORCH_CUDA_ALLOC_CONF"] = {"expandable": "expandable_segments:True", "async": "backend:cudaMallocAsync"}[what]
import torch

if what == "probe":         # without a GPU: what it says of it
    print(torch.__version__, torch.version.cuda, torch.cuda.is_available())
    try:
        torch.zeros(10, device="cuda")
    except RuntimeError as e:
        print(type(e).__name__, str(e).splitlines()[0])
elif what == "healthy":
    x = torch.randn(1000, 1000, device="cuda")
    print(float((x @ x).isfinite().all()))
elif what in ("exhaust", "expandable", "async"):
    kept = [torch.empty(256 << 20, dtype=torch.uint8, device="cuda") for _ in range(10000)]
elif what == "limit":
    torch.cuda.set_per_process_memory_fraction(0.3)
    kept = [torch.empty(256 << 20, dtype=torch.uint8, device="cuda") for _ in range(10000)]
elif what == "assert":
    table = torch.zeros(10, device="cuda")
    table[torch.tensor([1000], device="cuda")]
    torch.cuda.synchronize()
elif what == "fork":
    import multiprocessing
    torch.zeros(1, device="cuda")
    child = multiprocessing.get_context("fork").Process(target=lambda: torch.zeros(1, device="cuda"))
    child.start()
    child.join()
    sys.exit(child.exitcode)
