"""What it costs to start: `import mnstudy` against `import pandas`, and `mnstudy --help`.

Medians of fresh processes, taken in turn in one run.
"""

import statistics
import subprocess
import sys
import time

RUNS = 15


def seconds(*command):
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    commands = {
        "python alone": ("-c", "pass"),
        "import pandas": ("-c", "import pandas"),
        "import mnstudy": ("-c", "import mnstudy"),
        "mnstudy --help": ("-m", "mnstudy.cli", "--help"),
    }
    taken = {name: [] for name in commands}
    for _ in range(RUNS + 1):
        for name, command in commands.items():
            taken[name].append(seconds(*command))
    medians = {name: statistics.median(times[1:]) for name, times in taken.items()}
    print(f"start-up, median of {RUNS} fresh processes")
    for name, median in medians.items():
        print(f"  {name:<16}{median:7.3f} s  {median / medians['import pandas']:6.2f} x pandas")


if __name__ == "__main__":
    main()
