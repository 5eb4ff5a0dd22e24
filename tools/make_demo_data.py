"""Write the invented data sets, demo_clinic, demo_split_face and messy_clinic, from fixed seeds.

Run it after any meant change of the simulation: ``python tools/make_demo_data.py``. Running it
again gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def files() -> dict[Path, bytes]:
    """Return the path below data/ and the content of every file."""
    texts = {}
    for name, arguments in SETS.items():
        cohort = simulate(**arguments)
        texts[Path(name, TABLE)] = csv_text(cohort.data)
        texts[Path(name, "study.toml")] = study_text(cohort.study)
    return {path: text.encode() for path, text in texts.items()} | {MESSY: messy_sheet()}


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


# The messy sheet: what stands where in it, rows as Excel numbers them.
MESSY = Path("messy_clinic", "Narben 2025.synthetic.xlsx")
HEADER, STRUCK, HIDDEN, COLOURED = 3, 12, (20, 21), "D30"
FIRST = datetime(2025, 1, 13)
WIDE = {"A": 10, "D": 16, "E": 16, "H": 16, "I": 13, "J": 14, "K": 13, "L": 24}
TYPES = {
    "acne_icepick": "Eispickel", "acne_boxcar": "Boxcar", "acne_rolling": "rollend",
    "acne_mixed": "Akne gemischt",
}  # fmt: skip
SEXES = {"female": "w", "male": "m"}
ARMS = {"needling": "Microneedling", "untreated": "unbehandelt"}


def messy_sheet() -> bytes:
    """Return a workbook as a busy clinic keeps it: every habit in it has to be asked about."""
    from openpyxl import Workbook
    from openpyxl.styles import Font, PatternFill

    rows = _messy_rows()
    book = Workbook()
    page = book.active
    page.title = "Auswertung"
    page.append(["Narbensprechstunde: Verlauf (SYNTHETISCH, erfunden)"])
    page.append([])
    page.append(list(rows[0]))
    for row in rows:
        page.append(list(row.values()))
        _as_shown(page[page.max_row])
    scores = [x for row in rows if isinstance(x := row["Besserung (%)"], float) and x > CODE]
    page.append(["Mittelwert", *[None] * 8, round(sum(scores) / len(scores), 1)])
    for cell in [*page[1], *page[HEADER]]:
        cell.font = Font(bold=True)
    for cell in page[STRUCK]:
        cell.font = Font(strike=True)
    for row in HIDDEN:
        page.row_dimensions[row].hidden = True
    page[COLOURED].fill = PatternFill("solid", start_color="FFFF00")
    for letter, width in WIDE.items():
        page.column_dimensions[letter].width = width
    legend = book.create_sheet("Legende")
    for line in (["gelb", "Foto fehlt"], ["Gr.", "Schweregrad vor der Behandlung, I bis IV"]):
        legend.append(line)
    return workbook_bytes(book)


CODE = -99.0  # written by one of those who filled the sheet in; "k.A." by the other


def _as_shown(cells: tuple[Any, ...]) -> None:
    """Give the cells of a row the formats of Excel: dates, and every seventh score in percent."""
    for cell in cells:
        if isinstance(cell.value, datetime):
            cell.number_format = "DD.MM.YYYY"
    score = cells[9]
    if score.row % 7 == 0 and isinstance(score.value, float) and score.value > CODE:
        score.value, score.number_format = score.value / 100, "0%"


def _messy_rows() -> list[dict[str, Any]]:
    """Return one row a patient, in the headings and words of the clinic."""
    sites = simulate(n_patients=60, design="parallel", rng=11).sites()
    rng = np.random.default_rng(11)
    return [_messy_row(i, row, rng) for i, row in sites.reset_index(drop=True).iterrows()]


def _messy_row(i: int, row: pd.Series, rng: np.random.Generator) -> dict[str, Any]:
    youngest = int(row["age_band"][:2])
    first = FIRST + timedelta(days=2 * i)
    seen = first + timedelta(days=7 * int(row["weeks"]) + int(rng.integers(0, 4)))
    scar = TYPES[row["scar_type"]]
    return {
        "Pat.-Nr.": f"N{i + 1:03}",
        "Geschlecht": SEXES[row["sex"]],
        "Alter": youngest + int(rng.integers(0, 7)),
        "Narbentyp": "V-förmig" if scar == "Eispickel" and i % 5 == 1 else scar,
        "Behandlung": ARMS[row["treatment"]],
        "Nadeltiefe": _depth(i, row["needle_depth_mm"]),
        "Sitzungen": int(row["session_count"]),
        "Erstbehandlung": first,
        "Kontrolle": seen,
        "Besserung (%)": _improvement(i, row["improvement_score"]),
        "Schweregrad": "Gr. " + ("I", "II", "III", "IV")[int(row["baseline_severity"]) - 1],
        "Bemerkung": "Kontrolle war am Telefon" if i % 17 == 3 else None,
    }


def _depth(i: int, depth: float) -> str | None:
    if not depth > 0:
        return None
    return f"{depth * 1000:.0f} µm" if i % 9 == 4 else f"{depth:g} mm".replace(".", ",")


def _improvement(i: int, score: float) -> float | str:
    if pd.isna(score):
        return CODE if i % 2 else "k.A."
    return f"ca. {round(score, -1):.0f} %" if i % 23 == 5 else float(round(score))


def main() -> None:
    """Write the files and say what was written."""
    for path, content in files().items():
        target = DATA / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(f"data/{path.as_posix()}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
