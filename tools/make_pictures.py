"""Draw the pictures of docs/: ``python tools/make_pictures.py``, the same bytes each time.

With ``--report`` the first page of the report of docs/tutorial.md too, which needs Chromium.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import openpyxl
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

import mnstudy as mn
from mnstudy.cohort.proposing.study_text import quoted
from mnstudy.reporting.figures.style import INK, LINE, MUTED, VERDICT_STYLES, png_bytes
from mnstudy.verdicts.finding.finding import Estimate
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import note

ROOT = Path(__file__).resolve().parents[1]
PICTURES, TUTORIAL = ROOT / "docs" / "pictures", ROOT / "docs" / "tutorial.md"
DPI, WIDTH = 160, 7.2  # inches
HEAD, CORE, PROBLEM, YELLOW, PAPER = "#e8e8e8", "#d4e6f1", "#ffc7b0", "#fff2a8", "#ffffff"
SYNTHETIC = "SYNTHETIC, invented"
BESIDE = "|"  # parts two columns of remarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell as drawn: its text, what is behind it, and the number of a remark about it."""

    text: str = ""
    fill: str = PAPER
    bold: bool = False
    struck: bool = False
    remark: str = ""


# A sheet with its remarks, drawn like a spreadsheet.


def draw_sheet(
    rows: Mapping[str, Sequence[Cell]], widths: Sequence[float], remarks: Sequence[str],
    size: float, head: float = 1.0,
) -> Figure:  # fmt: skip
    """Draw rows by their numbers, and the remarks beneath; widths are in characters.

    ``head`` makes the letters of the headings smaller than ``size``.
    """
    lines = [textwrap.wrap(remark, int(sum(widths) * 1.22)) for remark in remarks]
    unit = WIDTH / (sum(widths) + 4.5)  # inches a character
    leading = size * 1.65 / 72
    taller = [max(cell.text.count("\n") for cell in cells) + 1 for cells in rows.values()]
    below = sum(len(x) for x in lines) * leading * 0.86 + 0.22
    height = sum(1 + 0.7 * (n - 1) for n in taller) * leading + below
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    top = 0.04
    for (number, cells), n in zip(rows.items(), taller, strict=True):
        tall = (1 + 0.7 * (n - 1)) * leading
        lefts = [0.03 + unit * (4 + sum(widths[:i])) for i in range(len(widths))]
        _box(axes, (0.03, top, 4 * unit, tall), Cell(text=number, fill=HEAD), size, MUTED)
        for left, wide, cell in zip(lefts, widths, cells, strict=True):
            letters = size * head if cell.bold else size
            _box(axes, (left, top, wide * unit, tall), cell, letters, INK)
        top += tall
    top += 0.12
    for line in lines:
        for text in line:
            for i, part in enumerate(text.split(BESIDE)):
                axes.text(0.05 + i * WIDTH / 2, top, part, va="top", size=size * 0.95, color=INK)
            top += leading * 0.86
    return figure


def _box(
    axes: Axes, where: tuple[float, float, float, float], cell: Cell, size: float, ink: str
) -> None:
    left, top, wide, tall = where
    axes.add_patch(Rectangle((left, top), wide, tall, fc=cell.fill, ec=LINE, lw=0.6))
    weight = "bold" if cell.bold else "normal"
    middle = top + tall / 2
    drawn = axes.text(
        left + 0.04, middle, cell.text, va="center_baseline", size=size, color=ink, weight=weight,
        linespacing=1.1,
    )  # fmt: skip
    if cell.struck:
        axes.plot([left, left + wide], [middle] * 2, color=INK, lw=0.8)
    if cell.remark:
        axes.text(
            left + wide - 0.03, middle, cell.remark, va="center", ha="right", size=size * 0.85,
            weight="bold", color=PAPER, bbox={"boxstyle": "circle,pad=0.18", "fc": INK, "lw": 0},
        )  # fmt: skip
    drawn.set_clip_on(True)


# A good sheet

COLUMNS = {  # of the contract, as a heading of at most three lines, and how wide
    "patient_id": ("patient_\nid", 7.4),
    "scar_type": ("scar_type", 9.0),
    "needle_depth_mm": ("needle_\ndepth_\nmm", 7.0),
    "session_count": ("session_\ncount", 7.6),
    "improvement_score": ("improvement_\nscore", 11.2),
    "treatment": ("treatment", 10.2),
    "weeks": ("weeks", 5.6),
}
GOOD = """
P001 surgical 1.5 0 0 needling 0
P001 surgical 1.5 3 45 needling 12
P002 burn 1.5 0 0 needling 0
P002 burn 1.5 3 30 needling 12
P003 surgical - 0 0 untreated 0
P003 surgical - 0 5 untreated 12
P004 keloid 1.0 0 0 needling 0
P004 keloid 1.0 3 - needling 12
"""
GOOD_REMARKS = (
    "Invented rows. One row is one assessment of one site. Blue: the five columns that must be"
    " there.",
    "patient_id: a pseudonym, never a name",
    "scar_type, treatment: in the words that mn.dictionary() lists",
    "needle_depth_mm: in mm; empty where no needles were used",
    "session_count: sessions done before this assessment",
    "improvement_score: percent better than before the first session; below 0 is worse",
    "weeks: since the first session",
    "Row 9: the improvement is not known. The cell stays empty: no 0, no -99, no word.",
)


def good_rows() -> list[list[str]]:
    """Return the cells of the good sheet as text, the headings first."""
    rows = [["" if x == "-" else x for x in line.split()] for line in GOOD.strip().splitlines()]
    return [list(COLUMNS), *rows]


def good_sheet() -> Figure:
    head, *rows = good_rows()
    core = set(mn.dictionary().query("core")["name"])
    fills = [CORE if c in core else HEAD for c in head]
    heads = [Cell(text=COLUMNS[c][0], fill=f, bold=True) for c, f in zip(head, fills, strict=True)]
    drawn = {"1": heads} | {
        str(i): [Cell(text=x) for x in row] for i, row in enumerate(rows, start=2)
    }
    return draw_sheet(drawn, [w for _, w in COLUMNS.values()], GOOD_REMARKS, 14.0, head=0.74)


# The workbook of the tutorial, as it comes and as it is marked

SEEN = {"Pat.-Nr.": 13, "Alter": 6.5, "Narbentyp": 16, "Nadeltiefe": 11, "Erstbehandlung": 16,
        "Kontrolle": 12, "Besserung (%)": 16, "Schweregrad": 13}  # fmt: skip
HABITS = {  # row and heading of a habit of the workbook: what it is
    (1, "Schweregrad"): "a title above the headings",
    (4, "Nadeltiefe"): "a decimal comma, and the unit in the cell",
    (7, "Besserung (%)"): "-99 stands for “not known”",
    (8, "Besserung (%)"): "and so does “k.A.”",
    (9, "Besserung (%)"): "an estimate (“about 10 %”)",
    (10, "Narbentyp"): "a word that nothing explains",
    (12, "Pat.-Nr."): "a row struck through",
    (14, "Besserung (%)"): "a number shown in percent: the cell holds 0.17",
    (22, "Pat.-Nr."): "rows 20 and 21 are hidden: a filter was left on",
    (30, "Narbentyp"): "a colour that means something",
    (64, "Pat.-Nr."): "a row of means, which is no patient",
}


def messy_sheet() -> Figure:
    with in_a_folder() as sheet:
        page = openpyxl.load_workbook(sheet)["Auswertung"]
    numbered = {at: str(i) for i, at in enumerate(HABITS, start=1)}
    rows = {1: 1} | dict.fromkeys((3, 4, 7, 8, 9, 10, 12, 14, 19, 22, 30, 64))
    remarks = [f"{SYNTHETIC}. A few of the 64 rows."]
    said = [f"{n} {HABITS[at]}" for at, n in numbered.items()]
    half = (len(said) + 1) // 2
    remarks += [BESIDE.join(pair) for pair in zip_longest(said[:half], said[half:], fillvalue="")]
    drawn = {str(row): _cells(page, row, numbered) for row in rows}
    return draw_sheet(drawn, list(SEEN.values()), remarks, 7.6)


def marked_sheet() -> Figure:
    with in_a_folder() as sheet:
        study = sheet.with_name("study.toml")
        study.write_text(mn.propose(sheet).study_text, encoding="utf-8")
        run("validate", "study.toml")
        page = openpyxl.load_workbook(sheet.with_name(f"{sheet.stem}.marked.xlsx"))["Auswertung"]
    drawn = {str(row): _cells(page, row, {}) for row in (3, 6, 7, 8, 9, 10, 11, 45, 64)}
    remarks = (
        f"{SYNTHETIC}. A few rows of the marked copy. Each coloured cell has a comment that says"
        " what is expected there. The cell of row 64 is not repeated: it could be a name.",
    )
    return draw_sheet(drawn, list(SEEN.values()), remarks, 7.6)


def _cells(page: Any, row: int, numbered: Mapping[tuple[int, str], str]) -> list[Cell]:
    heads = {cell.value: cell.column for cell in page[3]}
    return [
        _cell(page.cell(row, heads[name]), row == 3, numbered.get((row, name), "")) for name in SEEN
    ]


def _cell(cell: Any, bold: bool, remark: str) -> Cell:
    value = cell.value
    if hasattr(value, "strftime"):
        value = value.strftime("%d.%m.%Y")
    elif cell.number_format == "0%":
        value = f"{100 * value:.0f}%"
    fill = cell.fill.fgColor.rgb if cell.fill.fill_type == "solid" else ""
    fills = {"FFFF00": YELLOW, "FFC7B0": PROBLEM}
    return Cell(
        text="" if value is None else str(value),
        fill=fills.get(str(fill)[-6:], HEAD if bold else PAPER),
        bold=bold,
        struck=bool(cell.font.strike),
        remark=remark,
    )


# Six intervals and a margin: the words are the judge's.

MARGIN = 10.0
INTERVALS = ((18, 12, 24), (11, 3, 19), (6, -7, 19), (1, -5, 7), (-12, -20, -4), (-6, -14, 3))
SAID = {
    "supported": "all of it beyond the margin",
    "partly supported": "some, perhaps too little",
    "inconclusive": "a benefit and no benefit both fit",
    "too small to matter": "inside the margin, both ways",
    "contradicted": "all of it on the wrong side of no effect",
}
SHORT_OF_IT = "short of it, and harm fits"


def verdict_of(value: float, low: float, high: float, comparison: str = "randomised") -> Any:
    """Return what the project's judge says of an interval against the margin."""
    found = Estimate(
        value=value, ci_low=low, ci_high=high, confidence_level=0.95, unit="points",
        how=note("as_given", text=""),
    )  # fmt: skip
    return judge(found, rule="superiority", margin=MARGIN, comparison=comparison)


def verdicts() -> Figure:
    size = 11.2
    figure = Figure(figsize=(WIDTH, 5.9))
    axes = figure.add_axes((0.03, 0.115, 0.94, 0.79), xlim=(-26, 30), ylim=(5.75, -0.55))
    axes.axvspan(MARGIN, 30, color="#e6f1ec", lw=0)
    for x, dashes in ((0, "-"), (MARGIN, (0, (4, 2))), (-MARGIN, (0, (1, 1.6)))):
        axes.axvline(x, color=MUTED, lw=1, ls=dashes)
    seen, plain = set(), {"fc": PAPER, "lw": 0, "pad": 1}
    for i, (value, low, high) in enumerate(INTERVALS):
        found = verdict_of(value, low, high)
        style = VERDICT_STYLES[found.word]
        says = SHORT_OF_IT if found.word in seen else SAID[found.word]
        seen.add(found.word)
        axes.plot([low, high], [i + 0.3] * 2, color=style.edge, lw=2.4)
        axes.plot(
            value, i + 0.3, style.marker, color=style.colour, mec=style.edge, ms=8, clip_on=False
        )
        text = f"{found.in_full}:" if found.lacking else f"{found.word}:"
        head = axes.text(
            -25.6, i - 0.16, text, size=size, weight="bold", va="center", color=INK, bbox=plain
        )
        axes.annotate(
            f" {says}", (1, 0.5), xycoords=head, size=size, va="center", color=INK,
            bbox=plain,
        )  # fmt: skip
    for x, text in ((-MARGIN, "margin,\nmirrored"), (0, "no effect"), (MARGIN, "margin")):
        axes.text(x, -0.62, text, size=size * 0.92, ha="center", va="bottom", color=MUTED)
    axes.set_yticks([])
    axes.set_xticks([-20, -10, 0, 10, 20, 30])
    axes.tick_params(labelsize=size * 0.92)
    axes.set_xlabel(
        "worse  ←   points of improvement, needling minus untreated   →  better", size=size
    )
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    return figure


# The finding and the report of the tutorial


@contextmanager
def in_a_folder() -> Iterator[Path]:
    """Give the workbook of the tutorial in a folder of its own, which is the present one."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "narben_2025")  # names the data set
        own.mkdir()
        with chdir(own):
            yield mn.example_sheet().resolve()


def run(*words: str) -> None:
    """Run a command of mnstudy in the present folder."""
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-m", "mnstudy", *words]
    subprocess.run(command, env=told, stdout=subprocess.DEVNULL, check=False)


def answer(sheet: Path) -> None:
    """Delete the row of means, and write the answers of the tutorial into the study file."""
    book = openpyxl.load_workbook(sheet)
    book["Auswertung"].delete_rows(64)
    book.save(sheet)
    raw = tomllib.loads(mn.propose(sheet).study_text)
    for block in re.findall(r"^```toml\n(.*?)^```", TUTORIAL.read_text("utf-8"), re.M | re.S):
        for key, value in tomllib.loads(block).items():
            for inner, of in value.items() if key == "levels" else ():
                raw["levels"][inner] |= of
            if key != "levels":
                raw[key] = raw.get(key, {}) | value if isinstance(value, dict) else value
    text = "".join(f"{key} = {quoted(value)}\n" for key, value in raw.items())
    Path("study.toml").write_text(text, encoding="utf-8")


def tutorial_finding() -> Figure:
    with in_a_folder() as sheet:
        answer(sheet)
        findings = mn.evaluate(mn.load("study.toml"), ["reduces-scarring"])
    return mn.plot(findings["reduces-scarring"])


def report_page() -> bytes:
    """Return the first screen of the report as Chromium shows it."""
    with in_a_folder() as sheet:
        answer(sheet)
        run("report", "study.toml", "--only", "reduces-scarring", "--formats", "svg", "--out", "r")
        page, target = Path("r/index.html").resolve(), Path("page.png").resolve()
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,925"]
        command = ["chromium", *flags, f"--screenshot={target}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        few = Image.open(target).convert("RGB").quantize(128, Image.Quantize.FASTOCTREE)
        few.save(target, optimize=True)
        return target.read_bytes()


DRAWN: Mapping[str, Callable[[], Figure]] = {
    "good_sheet": good_sheet,
    "messy_sheet": messy_sheet,
    "marked_sheet": marked_sheet,
    "tutorial_finding": tutorial_finding,
    "verdicts": verdicts,
}


def draw(name: str) -> bytes:
    """Return a picture as PNG."""
    with rc_context({"font.family": "DejaVu Sans", "text.parse_math": False}):
        return png_bytes(DRAWN[name](), dpi=DPI)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name in DRAWN:
        (PICTURES / f"{name}.png").write_bytes(draw(name))
    if "--report" in sys.argv[1:]:
        (PICTURES / "report_page.png").write_bytes(report_page())


if __name__ == "__main__":
    main()
