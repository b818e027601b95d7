# SPDX-License-Identifier: MIT
"""pyarrow: computation with threads, Parquet, IPC over a memory map, data sets, its own signal handling."""
import signal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

r = np.random.default_rng(5)
t = pa.table({"k": r.integers(0, 9, 200000), "v": r.normal(size=200000)})
print(t.group_by("k").aggregate([("v", "max"), ("v", "count")]).sort_by("k").to_pydict())
for codec in ("snappy", "zstd", "gzip"):
    pq.write_table(t, f"t-{codec}.parquet", compression=codec)
    print(codec, pq.read_table(f"t-{codec}.parquet").equals(t))
print(pc.sum(ds.dataset(["t-snappy.parquet", "t-zstd.parquet"]).to_table(filter=pc.field("k") == 3)["k"]))
with pa.OSFile("t.arrow", "wb") as f, pa.ipc.new_file(f, t.schema) as w:
    w.write_table(t)
with pa.memory_map("t.arrow") as m:
    print(pa.ipc.open_file(m).read_all().equals(t))
print(pa.default_memory_pool().backend_name, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
try:
    pq.read_table("t.arrow")
except pa.ArrowInvalid as e:
    print(str(e)[:60])
