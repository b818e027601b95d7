# SPDX-License-Identifier: MIT
"""pandas: groups, joins, text, times, files; all printed."""
import io

import numpy as np
import pandas as pd

r = np.random.default_rng(4)
a = pd.DataFrame({"k": r.integers(0, 20, 5000), "v": r.normal(size=5000), "t": pd.date_range("2026-01-01", periods=5000, freq="h")})
print(a.groupby("k").v.agg(["mean", "std", "count"]).round(9))
print(a.merge(pd.DataFrame({"k": range(20), "name": [f"n{i}" for i in range(20)]}), on="k").name.str.upper().value_counts().sort_index())
print(a.set_index("t").v.resample("D").sum().round(9).head(10))
text = a.to_csv(index=False)
print(len(text), pd.read_csv(io.StringIO(text)).equals(a.assign(t=a.t.astype(str))))
a.to_parquet("a.parquet")
print(pd.read_parquet("a.parquet").v.sum().round(9))
try:
    pd.read_csv("not-there.csv")
except FileNotFoundError as e:
    print(e)
