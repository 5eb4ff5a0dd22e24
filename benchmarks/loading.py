"""Reading and checking 1,000,000 rows against the reader of pandas alone, in fresh processes.

``mnstudy.validate`` reads every cell as text, holds it against the contract and checks the rules
between rows; pandas guesses types and stops there. Peak memory is that of the whole process above
an interpreter with both imported, beside the size of the frame that pandas makes.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROWS, RUNS = 1_000_000, 5
CHILD = """
import json, sys, time
import pandas as pd, mnstudy as mn
from mnstudy.cohort.loading import datasets
which, path = sys.argv[1:]
read = {".csv": pd.read_csv, ".parquet": pd.read_parquet}["." + path.rsplit(".", 1)[1]]
warm = pd.DataFrame({"patient_id": ["P1"], "scar_type": ["burn"]}); mn.validate(warm)
def memory(which):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if which in line) / 1024
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here on (Linux)
before, start, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
found = read(path) if which == "pandas" else mn.validate(path)
taken = [time.perf_counter() - start, time.process_time() - cpu]
size = found.memory_usage(deep=True).sum() / 2**20 if which == "pandas" else 0
assert which == "pandas" or found.ok, str(found)
print(json.dumps([*taken, memory('VmHWM') - before, size]))
"""


def sheet():
    """Assessments of 200,000 patients, five each."""
    rng = np.random.default_rng(0)
    patients = ROWS // 5
    visit = np.tile(np.arange(5), patients)
    treated = rng.random(patients).repeat(5) < 0.5
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:06d}" for i in np.arange(patients).repeat(5)],
            "scar_type": rng.choice(["acne_rolling", "surgical", "burn"], patients).repeat(5),
            "treatment": np.where(treated, "needling", "untreated"),
            "needle_depth_mm": np.where(treated, 1.5, np.nan),
            "session_count": np.where(treated, visit, 0),
            "weeks": visit * 6.0,
            "improvement_score": rng.normal(30, 15, ROWS).clip(-90, 100).round(1),
            "pain_score": rng.integers(0, 11, ROWS),
            "sex": rng.choice(["female", "male"], patients).repeat(5),
            "phototype": rng.choice(["I", "II", "III"], patients).repeat(5),
        }
    )
    frame.loc[frame["weeks"] == 0, "improvement_score"] = 0.0
    frame.loc[~treated, "weeks"] += 1  # no session: after baseline by its weeks alone
    frame.loc[~treated, "improvement_score"] = 0.0
    return frame


def measured(which, path):
    command = [sys.executable, "-c", CHILD, which, str(path)]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(RUNS)]
    return [statistics.median(values) for values in zip(*runs, strict=True)]


def main():
    print(f"{ROWS:,} rows x 10 columns, medians of {RUNS} fresh processes")
    with tempfile.TemporaryDirectory() as folder:
        frame = sheet()
        frame.to_csv(Path(folder, "sheet.csv"), index=False)
        frame.to_parquet(Path(folder, "sheet.parquet"))
        for name in ("sheet.csv", "sheet.parquet"):
            wall, cpu, _, size = measured("pandas", Path(folder, name))
            ours = measured("mnstudy", Path(folder, name))
            print(
                f"  {name:<14} pandas {wall:.2f} s, ours {ours[0]:.2f} s ({ours[0] / wall:.1f} x;"
                f" {ours[1] / cpu:4.1f} x of CPU); memory {ours[2]:5.0f} MB,"
                f" {ours[2] / size:3.1f} x the frame of {size:.0f} MB"
            )


if __name__ == "__main__":
    main()
