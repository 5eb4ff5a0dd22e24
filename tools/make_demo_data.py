"""Write the two invented data sets, data/demo_clinic and data/demo_split_face, from fixed seeds.

Run it after any meant change of the simulation: ``python tools/make_demo_data.py``. Running it
again gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.proposing.workbooks import workbook_bytes
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


def messy_sheet() -> bytes:
    """Return a workbook as a busy clinic keeps it: every habit in it has to be asked about."""
    from openpyxl import Workbook
    from openpyxl.styles import Font, PatternFill

    cohort = simulate(n_patients=60, design="parallel", rng=11)
    sites = cohort.sites().reset_index(drop=True)
    rng = np.random.default_rng(11)
    book = Workbook()
    page = book.active
    page.title = "Auswertung"
    page.append(["Narbensprechstunde: Verlauf (SYNTHETISCH, erfunden)"])
    page.append([])
    page.append(list(MESSY))
    for i, row in sites.iterrows():
        page.append([write(i, row, rng) for write in MESSY.values()])
    last = page.max_row
    for cells in page.iter_rows(min_row=4, max_row=last):
        for cell in cells:
            if isinstance(cell.value, datetime):
                cell.number_format = "DD.MM.YYYY"
        if cells[8].row % 7 == 0 and isinstance(cells[9].value, float):
            cells[9].value, cells[9].number_format = cells[9].value / 100, "0%"
    for cell in page[12]:
        cell.font = Font(strike=True)
    for row in (20, 21):
        page.row_dimensions[row].hidden = True
    page["D30"].fill = PatternFill("solid", start_color="FFFF00")
    legend = book.create_sheet("Legende")
    for line in (["gelb", "Foto fehlt"], ["Gr.", "Schweregrad vor der Behandlung, 1 bis 4"]):
        legend.append(line)
    return workbook_bytes(book)


FIRST = datetime(2025, 1, 13)
TYPES = {
    "acne_icepick": "Eispickel", "acne_boxcar": "Boxcar", "acne_rolling": "rollend",
    "acne_mixed": "Akne gemischt", "surgical": "OP-Narbe", "traumatic": "Unfallnarbe",
    "burn": "Verbrennung", "stretch_mark": "Striae",
}  # fmt: skip
SEXES = {"female": "w", "male": "m"}
ARMS = {"needling": "Microneedling", "untreated": "unbehandelt"}


def _depth(i: int, row: pd.Series, rng: np.random.Generator) -> str | None:
    depth = row["needle_depth_mm"]
    if pd.isna(depth) or depth == 0:
        return None
    return f"{depth * 1000:.0f} µm" if i % 9 == 4 else f"{depth:g} mm".replace(".", ",")


def _improvement(i: int, row: pd.Series, rng: np.random.Generator) -> float | str:
    score = row["improvement_score"]
    if pd.isna(score):
        return "k.A."
    return f"ca. {round(score, -1):.0f} %" if i % 23 == 5 else float(round(score))


MESSY: dict[str, Callable[[int, pd.Series, np.random.Generator], Any]] = {
    "Pat.-Nr.": lambda i, row, rng: f"N{i + 1:03}",
    "Geschlecht": lambda i, row, rng: SEXES.get(str(row.get("sex")), "w"),
    "Alter": lambda i, row, rng: int(rng.integers(18, 70)),
    "Narbentyp": lambda i, row, rng: TYPES.get(str(row["scar_type"]), "sonstige"),
    "Behandlung": lambda i, row, rng: ARMS[str(row["treatment"])],
    "Nadeltiefe": _depth,
    "Sitzungen": lambda i, row, rng: int(row["session_count"]),
    "Erstbehandlung": lambda i, row, rng: FIRST + timedelta(days=int(i) * 2),
    "Kontrolle": lambda i, row, rng: FIRST + timedelta(days=int(i) * 2 + 7 * 24),
    "Besserung (%)": _improvement,
    "Schweregrad": lambda i, row, rng: "Gr. " + ("I", "II", "III", "IV")[int(rng.integers(1, 4))],
    "Bemerkung": lambda i, row, rng: "Kontrolle telefonisch" if i % 17 == 3 else None,
}


def main() -> None:
    """Write the files and say what was written."""
    contents = {path: text.encode() for path, text in files().items()}
    contents[Path("messy_clinic", "Narben 2025.synthetic.xlsx")] = messy_sheet()
    for path, content in contents.items():
        target = DATA / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(f"data/{path.as_posix()}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
