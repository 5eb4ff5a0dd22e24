"""Write the two invented data sets, data/demo_clinic and data/demo_split_face, from fixed seeds.

Run it after any meant change of the simulation: ``python tools/make_demo_data.py``. Running it
again gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnstudy.cohort.simulate.simulate import csv_text, simulate
from mnstudy.cohort.study.study import Study

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = "sessions.synthetic.csv"
# The first seeds whose samples show the truth well: every primary estimate lies within one
# standard error of it, and of the 40 patients of the trial three drop out. Most samples are worse.
SETS: dict[str, dict[str, Any]] = {
    "demo_clinic": {"n_patients": 400, "design": "registry", "rng": 3},
    "demo_split_face": {"n_patients": 40, "design": "split_body", "rng": 5},
}
HEAD = (
    "# SYNTHETIC: invented by tools/make_demo_data.py; do not edit by hand. [truth] says what is\n"
    "# really so in these data, claim by claim: the effect and whether the claim then holds.\n"
)


def files() -> dict[Path, str]:
    """Return the path below data/ and the text of every file."""
    texts = {}
    for name, arguments in SETS.items():
        cohort = simulate(**arguments)
        texts[Path(name, TABLE)] = csv_text(cohort.data)
        texts[Path(name, "study.toml")] = study_text(cohort.study)
    return texts


def study_text(study: Study) -> str:
    """Write a study file: what is declared, the plan, the limits and the truth."""
    keys = ("title", "design", "randomised", "assessor", "synthetic", "licence", "source")
    declared = {key: getattr(study, key) for key in keys} | {"file": TABLE}
    plan: dict[str, Any] = {"primary": list(study.plan.primary)}
    if study.plan.final_week is not None:
        plan |= {k: getattr(study.plan, k) for k in ("final_week", "window_weeks")}
    blocks = [HEAD + _lines(declared), "[plan]\n" + _lines(plan)]
    blocks += [
        "[[limits]]\n" + _lines({"scope": limit.scope, "says": limit.says})
        for limit in study.limits
    ]
    blocks += [f"[truth.{claim}]\n" + _lines(entry) for claim, entry in study.truth.items()]
    return "\n".join(blocks)


def _lines(entries: Mapping[str, Any]) -> str:
    # a JSON text, number, list of texts or truth value is a TOML one too
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in entries.items())


def main() -> None:
    """Write the files and say what was written."""
    for path, text in files().items():
        target = DATA / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        print(f"data/{path.as_posix()}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
