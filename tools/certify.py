"""Write data/certificate/: how often simulated studies are wrong; ``make certify``.

``--short`` draws the short form, writes nothing and fails where a promise is broken. Batches are
kept in the cache folder of this user until the run is over: killed, it goes on where it was.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from platformdirs import user_cache_path

from mnstudy.cli import Progress
from mnstudy.verdicts.operating.certificate import FILE, certify

DATA = Path(__file__).resolve().parents[1] / "data"


def main() -> int:
    """Draw the studies and say where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all processors")
    arguments = parser.parse_args()
    keep = user_cache_path("mnstudy") / "certificate"
    found = certify(
        short=arguments.short,
        n_jobs=arguments.jobs,
        keep=None if arguments.short else keep,
        progress=Progress(),
    )
    if not arguments.short:
        (DATA / FILE).parent.mkdir(exist_ok=True)
        found.write(DATA / FILE)
        shutil.rmtree(keep)
    columns = ["claim", "design", "n_patients", "situation", "truth", "false_support"]
    print(f"{len(found.table)} kinds of study, {found.about['studies']:,} studies")
    if len(found.broken):
        print(f"promise broken:\n{found.broken[columns].to_string(index=False)}", file=sys.stderr)
    return int(bool(len(found.broken)))


if __name__ == "__main__":
    sys.exit(main())
