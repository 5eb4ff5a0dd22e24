"""Sheets as clinics make them, each made by code from a cohort whose typed table is known.

A maker writes one file into a folder and says what is true of it, what a person is asked, what the
first report lists and what that person answers. None is a copy of a sheet anybody has.
"""

import csv
import datetime
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pandas as pd
import pyreadstat
from made_files import ods, ods_table
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

SHEETS: dict[str, Callable[[Path], "Made"]] = {}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A sheet, and what holds for it.

    ``truth`` are its assessments under the names of the contract; ``differs`` columns that are not
    true after init alone, about which it asks; ``answers`` what a person writes into the study
    file; ``mend`` what she does to the sheet. What is asked and listed stands in expected.toml.
    """

    path: Path
    truth: Sequence[Mapping[str, Any]] = ()
    differs: Sequence[str] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    mend: Callable[[], object] | None = None
    refused: bool = False


def sheet(maker):
    SHEETS[maker.__name__] = maker
    return maker


def text(path, rows, delimiter=",", encoding="utf-8", first=""):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    path.write_bytes((first + out.getvalue()).encode(encoding))
    return path


def book(path, sheets, look=None):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        page = made.create_sheet(name)
        for row in rows:
            page.append(list(row))
    if look:
        look(made)
    made.save(path)
    return path


def band(age):
    limits = (18, 25, 35, 45, 55, 65)
    names = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65 and over")
    return names[sum(age >= limit for limit in limits)]


def comma(number, digits=1):
    return f"{number:.{digits}f}".replace(".", ",")


def better(before, now, best=0.0):
    return 100 * (before - now) / (before - best)


# German


@sheet
def de_kopfzeilen(folder):
    """A title stands above two heading rows whose group heads are merged, a mean below the table.

    Ages are exact, grades are written "Gr. III", satisfaction is in words, which have no number of
    their own.
    """
    rng = Random(1)
    happy = {"sehr zufrieden": 10, "zufrieden": 7.5, "teils, teils": 5, "unzufrieden": 2.5}
    types = {"Kasten": "acne_boxcar", "wellig": "acne_rolling", "Eispickel": "acne_icepick"}
    groups = ["Patient", None, None, "Narbe", None, "Behandlung", None, None, "Ergebnis", None]
    heads = ["Nr.", "Geschl.", "Alter", "Art", "Schweregrad", "Gerät", "Nadeltiefe (mm)"]
    heads += ["Sitzungen", "Besserung (%)", "Zufriedenheit"]
    rows, truth = [], []
    for i in range(1, 21):
        age, kind, grade = rng.randint(17, 66), rng.choice(list(types)), rng.randint(2, 4)
        word, gain, depth = rng.choice(list(happy)), rng.randint(5, 80), rng.choice([1.0, 1.5, 2.0])
        pen, sex, n = rng.random() < 0.5, rng.choice("wm"), rng.randint(2, 5)
        rows.append([i, sex, age, kind, "Gr. " + ("", "I", "II", "III", "IV")[grade],
                     "Dermapen" if pen else "Dermaroller", depth, n, gain, word])  # fmt: skip
        truth.append({
            "patient_id": str(i), "sex": "female" if sex == "w" else "male", "age_band": band(age),
            "scar_type": types[kind], "baseline_severity": grade, "needle_depth_mm": depth,
            "device": "pen" if pen else "roller", "session_count": n, "improvement_score": gain,
            "satisfaction_score": happy[word],
        })  # fmt: skip
    mean = ["Mittelwert", None, 41.5, None, None, None, 1.5, 3.4, 42.0, None]
    title = [["Narbensprechstunde: Microneedling 2019 bis 2024"], [], groups, heads]

    def look(made):
        page = made.active
        for cells in ("A3:C3", "D3:E3", "F3:H3", "I3:J3", "A1:J1"):
            page.merge_cells(cells)

    path = folder / "Narbensprechstunde.xlsx"

    def write(*last):
        return book(path, {"Auswertung": [*title, *rows, *last]}, look)

    return Made(
        path=write(mean),
        truth=truth,
        answers={"levels": {"satisfaction_score": happy}},
        mend=write,
    )


@sheet
def de_bloecke(folder):
    """Number and scar stand only in the first row of a patient, the visits are words.

    What was rated is the Vancouver scale, so improvement has to be worked out from the first visit.
    """
    rng = Random(2)
    visits = {"Vor Therapie": 0, "Nach 4 Wochen": 4, "Nach 3 Monaten": 13}
    types = {"Keloid": "keloid", "hypertrophe Narbe": "hypertrophic"}
    rows, truth = [], []
    for i in range(1, 13):
        kind, start = rng.choice(list(types)), rng.randint(8, 12)
        for k, (visit, week) in enumerate(visits.items()):
            score, n = start - k * rng.randint(1, 3), (0, 1, 3)[k]
            name, scar = (f"K{i:02}", kind) if k == 0 else (None, None)
            rows.append([name, scar, visit, n, 1.5, score])
            truth.append({
                "patient_id": f"K{i:02}", "scar_type": types[kind], "weeks": week,
                "session_count": n, "needle_depth_mm": 1.5, "scale": "VSS", "scale_score": score,
                "improvement_score": better(start, score) if k else None,
            })  # fmt: skip
    heads = ["Pat.-Nr.", "Narbe", "Zeitpunkt", "Sitzungen", "Nadeltiefe mm", "VSS"]
    return Made(
        path=book(folder / "Keloide.xlsx", {"Tabelle1": [heads, *rows]}),
        truth=truth,
    )


@sheet
def de_seiten(folder):
    """The two sides of a face stand side by side, what each was given only in the heading.

    Excel wrote the line ``sep=;``, Windows-1252 and decimal commas.
    """
    rng = Random(3)
    heads = ["Pat", "Narbenart", "Sitzungen", "Nadellänge", "links (NaCl) Besserung %"]
    heads += ["rechts (PRP) Besserung %"]
    rows, truth = [], []
    for i in range(1, 17):
        left, right = rng.randint(10, 90) / 2, rng.randint(20, 130) / 2
        rows.append([f"F{i:02}", "wellenförmig", 3, "1,5", comma(left), comma(right)])
        both = {"patient_id": f"F{i:02}", "scar_type": "acne_rolling", "session_count": 3,
                "needle_depth_mm": 1.5}  # fmt: skip
        truth.append(both | {"site_id": "left", "adjunct": "none", "improvement_score": left})
        truth.append(both | {"site_id": "right", "adjunct": "prp", "improvement_score": right})
    path = text(folder / "seiten.csv", [heads, *rows], ";", "cp1252", "sep=;\r\n")
    return Made(path=path, truth=truth)


@sheet
def de_tausender(folder):
    """Commas are decimal marks and points part thousands: "1.250,5" beside "980,0" and "1.100".

    Where an entry lacks, "k.A." stands.
    """
    rng = Random(4)
    heads = ["Pat.-ID", "Narbentyp", "Nadeltiefe (mm)", "Anzahl Sitzungen", "Besserung %"]
    heads += ["Narbentiefe (µm)", "Schmerz (VAS 0-10)"]
    rows, truth = [], []
    for i in range(1, 19):
        gain, deep, pain = (
            rng.randint(20, 160) / 2,
            rng.randint(800, 1900) / 2 * 2,
            rng.randint(0, 10),
        )
        deep += 0.5 * (i % 2)
        shown = f"{deep:,.1f}".replace(",", "x").replace(".", ",").replace("x", ".")
        shown = shown.removesuffix(",0") if i % 3 == 0 else shown
        rows.append([f"T{i:02}", "Kastennarben", "1,5", 4, comma(gain), shown,
                     "k.A." if i % 5 == 0 else pain])  # fmt: skip
        truth.append({
            "patient_id": f"T{i:02}", "scar_type": "acne_boxcar", "needle_depth_mm": 1.5,
            "session_count": 4, "improvement_score": gain, "scar_depth_um": deep,
            "pain_score": None if i % 5 == 0 else pain,
        })  # fmt: skip
    path = text(folder / "tiefe.csv", [heads, *rows], ";", "utf-8-sig")
    return Made(path=path, truth=truth)


@sheet
def de_punkt(folder):
    """The needle is set in micrometres, and a point parts the thousands: "1.500" beside "500".

    No comma anywhere says that the point is none of the decimals.
    """
    rng = Random(5)
    heads = ["Pat.-ID", "Narbentyp", "Nadeltiefe (µm)", "Sitzungen", "Besserung %"]
    rows, truth = [], []
    for i in range(1, 19):
        deep, gain = rng.choice([500, 1000, 1500, 2000]), rng.randint(5, 70)
        rows.append([f"T{i:02}", "gemischt", f"{deep:,}".replace(",", "."), 3, gain])
        truth.append({
            "patient_id": f"T{i:02}", "scar_type": "acne_mixed", "needle_depth_mm": deep / 1000,
            "session_count": 3, "improvement_score": gain,
        })  # fmt: skip
    return Made(path=text(folder / "nadel.csv", [heads, *rows], ";"), truth=truth)


@sheet
def de_jahre(folder):
    """One worksheet a year, with the same headings and other patients, and one with their means."""
    rng = Random(6)
    heads = ["Patient", "Narbe", "Nadeltiefe", "Sitzungen", "Besserung in %", "Infektion"]
    pages, truth = {}, []
    for year in (2023, 2024):
        rows = []
        for i in range(1, 11):
            name, gain, sick = f"{year % 100}-{i:03}", rng.randint(0, 80), rng.random() < 0.2
            rows.append([name, "Verbrennung", 2, 3, gain, "ja" if sick else "nein"])
            truth.append({
                "patient_id": name, "scar_type": "burn", "needle_depth_mm": 2, "session_count": 3,
                "improvement_score": gain, "infection": sick,
            })  # fmt: skip
        pages[str(year)] = [heads, *rows]
    pages["Mittelwerte"] = [["Jahr", "Besserung"], [2023, 41], [2024, 38]]
    return Made(path=book(folder / "Verbrennungen.xlsx", pages), truth=truth)


# English


@sheet
def en_visit_sheets(folder):
    """A worksheet for each visit and one that explains; a filter hides three rows of one visit.

    A hidden column holds the initials nobody wanted printed.
    """
    rng = Random(7)
    heads = [
        "Subject",
        "Init",
        "Scar type",
        "Needle (mm)",
        "Sessions",
        "Improvement %",
        "Pain (0-10)",
    ]
    visits = {"Baseline": (0, 0), "Week 4": (4, 1), "Month 3": (13, 3)}
    people = [(f"S{i:02}", rng.choice(["rolling", "boxcar"])) for i in range(1, 15)]
    pages = {"Read me": [["Filled in by", "study nurse"], ["Sheets", "one for each visit"]]}
    truth = []
    for name, (week, n) in visits.items():
        rows = []
        for who, kind in people:
            gain, pain = n and rng.randint(0, 20 * n), rng.randint(0, 7) if n else None
            rows.append([who, who[0] + "x", kind, 1.5, n, gain, pain])
            truth.append({
                "patient_id": who, "scar_type": f"acne_{kind}", "needle_depth_mm": 1.5,
                "session_count": n, "weeks": week, "improvement_score": gain, "pain_score": pain,
            })  # fmt: skip
        pages[name] = [heads, *rows]

    def look(made):
        for row in (4, 5, 9):
            made["Week 4"].row_dimensions[row].hidden = True
        made["Baseline"].column_dimensions["B"].hidden = True

    return Made(
        path=book(folder / "visits.xlsx", pages, look),
        truth=truth,
        answers={"hidden_rows": "read"},
        differs=["rows"],
    )


@sheet
def en_percent(folder):
    """Percent is a format in some cells, text in others and a plain number in the rest.

    A division by nothing and a formula that was never worked out stand in a column of days.
    """
    rng = Random(8)
    heads = ["Patient ID", "Scar", "Depth mm", "Sessions", "% improvement", "Redness (days)"]
    rows, truth = [], []
    for i in range(1, 19):
        gain, days = rng.randint(5, 90), rng.randint(1, 6)
        shown = (gain / 100, f"{gain} %", gain)[i % 3]
        odd = {4: "=B4/0", 9: "=F8+1"}.get(i)
        rows.append([f"Q{i:02}", "traumatic", 1, 2, shown, odd or days])
        truth.append({
            "patient_id": f"Q{i:02}", "scar_type": "traumatic", "needle_depth_mm": 1,
            "session_count": 2, "improvement_score": gain, "erythema_days": None if odd else days,
        })  # fmt: skip

    def look(made):
        for i, row in enumerate(made.active.iter_rows(min_row=2), 1):
            row[4].number_format = "0%" if i % 3 == 0 else "General"
        if made.active["F5"].value:
            made.active["F5"].value, made.active["F5"].data_type = "#DIV/0!", "e"

    path = folder / "percent.xlsx"
    kept = [[None if str(c).startswith("=") else c for c in row] for row in rows]

    def write(cells):
        return book(path, {"Sheet1": [heads, *cells]}, look)

    return Made(path=write(rows), truth=truth, mend=lambda: write(kept))


@sheet
def en_crossover(folder):
    """Two periods a patient, in an order drawn by lot; the treatment is a letter."""
    rng = Random(9)
    heads = ["Patient", "Sequence", "Period", "Trt", "Scar", "Depth", "Sessions", "Week"]
    heads += ["Improvement (%)"]
    rows, truth = [], []
    for i in range(1, 17):
        order = "AB" if i % 2 else "BA"
        for period, letter in enumerate(order, 1):
            needled, gain = letter == "A", rng.randint(0, 30) + 20 * (letter == "A")
            rows.append([f"X{i:02}", order, period, letter, "striae", 1.5 if needled else None,
                         2, 8, gain])  # fmt: skip
            truth.append({
                "patient_id": f"X{i:02}", "site_id": f"site, period {period}", "sequence": order,
                "period": period, "treatment": "needling" if needled else "topical",
                "scar_type": "stretch_mark", "needle_depth_mm": 1.5 if needled else None,
                "session_count": 2, "weeks": 8, "improvement_score": gain,
            })  # fmt: skip
    return Made(
        path=text(folder / "crossover.csv", [heads, *rows]),
        truth=truth,
        answers={"design": "crossover", "levels": {"treatment": {"A": "needling", "B": "topical"}}},
    )


@sheet
def en_three_arms(folder):
    """Three arms by letter, the key on a second worksheet; a trial's own words as headings."""
    rng = Random(10)
    heads = [
        "USUBJID",
        "SITEID",
        "TRT01A",
        "SEX",
        "AGE",
        "SCAR",
        "NEEDLE",
        "NSESS",
        "AVISIT",
        "IMPR",
    ]
    arms = {"A": ("needling", 1.5, 3), "B": ("rf_needling", 2.5, 3), "C": ("untreated", None, 0)}
    rows, truth = [], []
    for i in range(24):
        letter, age, gain = "ABC"[i % 3], rng.randint(19, 58), rng.randint(0, 60)
        treatment, depth, n = arms[letter]
        centre, name, sex = f"{1 + i // 12:02}", f"01-{1 + i // 12:02}-{101 + i}", "FM"[i % 2]
        rows.append([name, centre, letter, sex, age, "boxcar", depth, n, "Week 12", gain])
        truth.append({
            "patient_id": name, "clinic_id": centre, "treatment": treatment, "weeks": 12,
            "sex": "female" if sex == "F" else "male", "age_band": band(age),
            "scar_type": "acne_boxcar", "needle_depth_mm": depth, "session_count": n,
            "improvement_score": gain,
        })  # fmt: skip
    key = [
        ["Code", "Arm"],
        ["A", "Microneedling"],
        ["B", "RF microneedling"],
        ["C", "No treatment"],
    ]
    words = {letter: arm[0] for letter, arm in arms.items()}
    return Made(
        path=book(folder / "adeff.xlsx", {"ADEFF": [heads, *rows], "Key": key}),
        truth=truth,
        answers={"design": "parallel", "levels": {"treatment": words}},
    )


@sheet
def en_identified(folder):
    """Name, birth date, phone and address stand beside the number of each patient.

    A comment of two lines names another person.
    """
    rng = Random(11)
    heads = [
        "No",
        "Patient name",
        "DOB",
        "Mobile",
        "Home address",
        "Sex",
        "Scar type",
        "Needle depth",
    ]
    heads += ["Sessions", "Improvement", "Comments"]
    rows, truth = [], []
    for i in range(1, 15):
        sex, gain = rng.choice("FM"), rng.randint(0, 85)
        note = "seen by\nDr. Quill Marsh, happy" if i == 3 else ""
        rows.append([i, f"Zed Quartz{'abcdefghijklmn'[i - 1]}", f"{i:02}/03/19{60 + i}",
                     f"+44 7700 9001{i:02}", f"{i} Mill Lane", sex, "surgical", 2, 3, gain,
                     note])  # fmt: skip
        truth.append({
            "patient_id": str(i), "sex": "female" if sex == "F" else "male",
            "scar_type": "surgical", "needle_depth_mm": 2, "session_count": 3,
            "improvement_score": gain,
        })  # fmt: skip
    path = folder / "register.csv"
    keep = [0, *range(5, 11)]

    def write(places):
        return text(path, [[row[k] for k in places] for row in (heads, *rows)])

    return Made(path=write(range(11)), truth=truth, mend=lambda: write(keep))


@sheet
def en_unicode(folder):
    """Excel's "Unicode text": UTF-16 with tabs, a remark with a line break, and -9 for no entry."""
    rng = Random(12)
    heads = [
        "Pt no",
        "Scar",
        "Needle length",
        "No. of sessions",
        "% improvement",
        "VAS pain",
        "Remarks",
    ]
    rows, truth = [], []
    for i in range(1, 21):
        gain, pain = rng.randint(0, 70), -9 if i % 6 == 0 else rng.randint(0, 8)
        remark = "came late;\nwas seen at 5" if i == 4 else ""
        rows.append([f"PT{i:03}", "ice pick", "1.5", 4, gain, pain, remark])
        truth.append({
            "patient_id": f"PT{i:03}", "scar_type": "acne_icepick", "needle_depth_mm": 1.5,
            "session_count": 4, "improvement_score": gain, "pain_score": None if pain < 0 else pain,
        })  # fmt: skip
    path = text(folder / "export.txt", [heads, *rows], "\t", "utf-16")
    return Made(path=path, truth=truth, answers={"missing": {"pain_score": ["-9"]}})


@sheet
def en_open_quote(folder):
    """A quote that opens in a remark is never closed: the rest of the file would be one cell."""
    head = "patient_id,scar_type,needle_depth_mm,session_count,improvement_score,comment\r\n"
    rows = [f"P{i:02},acne_boxcar,1.5,3,{20 + i},fine\r\n" for i in range(1, 15)]
    rows[4] = 'P05,acne_boxcar,1.5,3,25,"called back\r\n'
    path = folder / "quote.csv"
    path.write_text(head + "".join(rows), newline="")
    return Made(path=path, refused=True)


@sheet
def en_spss(folder):
    """SPSS: codes with labels, 98 and 99 declared as missing, visits and satisfaction as codes."""
    rng = Random(13)
    happy = {
        1: "very dissatisfied",
        2: "dissatisfied",
        3: "neutral",
        4: "satisfied",
        5: "very satisfied",
    }
    visits = {1: "Baseline", 2: "Month 1", 3: "Month 3"}
    types = {1: "Ice pick", 2: "Boxcar", 3: "Rolling"}
    points = dict(zip(range(1, 6), (0, 2.5, 5, 7.5, 10), strict=True))
    rows, truth = [], []
    for i in range(1, 15):
        kind, sex = rng.randint(1, 3), rng.randint(0, 1)
        for visit, (week, n) in enumerate(((0, 0), (4, 1), (13, 3)), 1):
            gain, pain, joy = n and rng.randint(0, 60), rng.choice([2, 4, 99]), rng.randint(1, 5)
            rows.append([i, sex, kind, visit, n, 1.5, gain, pain, joy])
            truth.append({
                "patient_id": str(i), "sex": ("male", "female")[sex], "weeks": week,
                "scar_type": ("", "acne_icepick", "acne_boxcar", "acne_rolling")[kind],
                "session_count": n, "needle_depth_mm": 1.5, "improvement_score": gain,
                "pain_score": None if pain == 99 else pain, "satisfaction_score": points[joy],
            })  # fmt: skip
    names = ["id", "sex", "scar", "visit", "nsess", "needle", "impr", "pain", "satisf"]
    frame = pd.DataFrame(rows, columns=names).astype("float64")
    path = folder / "clinic.sav"
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"impr": "Improvement in percent", "pain": "Pain during session (0-10)"},
        variable_value_labels={
            "sex": {0: "male", 1: "female"}, "scar": types, "visit": visits, "satisf": happy,
            "pain": {98: "not asked", 99: "no answer"},
        },
        missing_ranges={"pain": [{"lo": 98, "hi": 99}]},
    )  # fmt: skip
    return Made(
        path=path,
        truth=truth,
        differs=["satisfaction_score"],
        answers={
            "columns": {"satisf": "satisfaction_score"},
            "levels": {"satisfaction_score": {str(k): v for k, v in points.items()}},
        },
    )


@sheet
def en_codes(folder):
    """Parquet written by somebody's script: -99 and 999 stand for what is not known."""
    rng = Random(14)
    rows, truth = [], []
    for i in range(1, 31):
        gain, pain = rng.randint(5, 60), rng.randint(0, 9)
        lost, quiet = i % 7 == 0, i % 10 == 0
        rows.append([f"N{i:03}", "acne_rolling", 1.5, 3, -99 if lost else gain,
                     999 if quiet else pain, i % 2 == 0])  # fmt: skip
        truth.append({
            "patient_id": f"N{i:03}", "scar_type": "acne_rolling", "needle_depth_mm": 1.5,
            "session_count": 3, "improvement_score": None if lost else gain,
            "pain_score": None if quiet else pain, "bruising": i % 2 == 0,
        })  # fmt: skip
    names = ["patient", "scar", "depth", "sessions", "improvement", "pain", "bruising"]
    frame = pd.DataFrame(rows, columns=names).astype({"scar": "category", "pain": "int16"})
    path = folder / "cohort.parquet"
    frame.to_parquet(path)
    codes = {"improvement_score": ["-99"], "pain_score": ["999"]}
    return Made(path=path, truth=truth, answers={"missing": codes})


@sheet
def en_ids(folder):
    """Two hands wrote the numbers of the same patients: P01 and p01, P07 and P7."""
    rng = Random(15)
    heads = ["Patient", "Scar", "Depth (mm)", "Session", "Weeks", "Improvement %"]
    rows, truth = [], []
    for i in range(1, 13):
        for k, week in ((1, 4), (2, 8)):
            name = f"P{i:02}"
            other = (name.lower() if i % 3 == 0 else name.replace("P0", "P")) if k == 2 else name
            gain = rng.randint(0, 50)
            rows.append([other, "rolling", 1.5, k, week, gain])
            truth.append({
                "patient_id": name, "scar_type": "acne_rolling", "needle_depth_mm": 1.5,
                "session_count": k, "weeks": week, "improvement_score": gain,
            })  # fmt: skip
    return Made(
        path=text(folder / "two hands.csv", [heads, *rows]),
        truth=truth,
        answers={"ids": "ignore capitals and leading zeros"},
    )


@sheet
def en_heading_twice(folder):
    """ "Improvement %" stands twice, for the doctor's and the patient's own: neither is chosen."""
    rng = Random(16)
    heads = ["ID", "Scar type", "Depth mm", "Sessions", "Improvement %", "Improvement %"]
    rows = [
        [f"D{i:02}", "mixed", 2, 3, rng.randint(0, 60), rng.randint(0, 60)] for i in range(1, 13)
    ]
    truth = [
        {"patient_id": row[0], "scar_type": "acne_mixed", "needle_depth_mm": 2, "session_count": 3,
         "improvement_score": row[4]} for row in rows
    ]  # fmt: skip
    path = folder / "twice.xlsx"
    kept = [*heads[:5], "patient's own"]
    return Made(
        path=book(path, {"Data": [heads, *rows]}),
        truth=truth,
        mend=lambda: book(path, {"Data": [kept, *rows]}),
    )


@sheet
def en_thousands(folder):
    """Thousands have a comma: a scar of "1,500" micrometres could be one of 1.5."""
    rng = Random(17)
    heads = ["Patient", "Scar", "Needle depth (mm)", "Sessions", "Improvement", "Scar depth (um)"]
    rows, truth = [], []
    for i in range(1, 17):
        deep, gain = rng.choice([480, 950, 1100, 1500, 2100]), rng.randint(0, 70)
        rows.append([f"W{i:02}", "boxcar", 1.5, 3, gain, f"{deep:,}"])
        truth.append({
            "patient_id": f"W{i:02}", "scar_type": "acne_boxcar", "needle_depth_mm": 1.5,
            "session_count": 3, "improvement_score": gain, "scar_depth_um": deep,
        })  # fmt: skip
    return Made(
        path=text(folder / "depth.csv", [heads, *rows]), truth=truth, answers={"decimal": "."}
    )


@sheet
def en_fraction(folder):
    """Improvement is a share: 0.45 stands for 45 percent, and the heading does not say so."""
    rng = Random(18)
    heads = ["Case no", "Scar type", "Needle", "Sessions", "Improvement", "Satisfied"]
    rows, truth = [], []
    for i in range(1, 17):
        gain = rng.randint(5, 90)
        rows.append([i, "hypertrophic", 1, 4, gain / 100, rng.randint(0, 10)])
        truth.append({
            "patient_id": str(i), "scar_type": "hypertrophic", "needle_depth_mm": 1,
            "session_count": 4, "improvement_score": gain, "satisfaction_score": rows[-1][5],
        })  # fmt: skip
    return Made(path=text(folder / "shares.csv", [heads, *rows]), truth=truth)


@sheet
def en_us_dates(folder):
    """Dates as Americans write them, none past the twelfth of a month: 03/04/2023 is in March."""
    rng = Random(19)
    heads = ["Patient ID", "Scar", "Needle depth mm", "Sessions", "Date of first treatment"]
    heads += ["Follow-up date", "Improvement %"]
    rows, truth = [], []
    for i in range(1, 13):
        start = datetime.date(2023, 1 + i % 6, rng.randint(1, 12))
        end = datetime.date(2023, start.month + 2 + i % 3, rng.randint(1, 12))
        gain = rng.randint(0, 60)
        rows.append(
            [f"US{i:02}", "traumatic", 1.5, 2, f"{start:%m/%d/%Y}", f"{end:%m/%d/%Y}", gain]
        )
        truth.append({
            "patient_id": f"US{i:02}", "scar_type": "traumatic", "needle_depth_mm": 1.5,
            "session_count": 2, "weeks": (end - start).days / 7, "improvement_score": gain,
        })  # fmt: skip
    return Made(
        path=text(folder / "us.csv", [heads, *rows]),
        truth=truth,
        answers={"dates": {"format": "MM/DD/YYYY"}},
    )


# Spanish


@sheet
def es_clases(folder):
    """Improvement is a class, ">75 %" to "<25 %", in an OpenDocument sheet with grades in words."""
    rng = Random(20)
    classes = {"&lt;25 %": (0, 25), "25-50 %": (25, 50), "50-75 %": (50, 75), "&gt;75 %": (75, 100)}
    heads = ["Código", "Tipo de cicatriz", "Profundidad aguja (mm)", "Nº sesiones"]
    heads += ["Grado basal", "Mejoría (%)", "Satisfacción"]
    happy = {"muy satisfecha": 10, "satisfecha": 7.5, "poco satisfecha": 2.5}
    rows, truth = [], []
    for i in range(1, 17):
        word, grade, joy = rng.choice(list(classes)), rng.randint(2, 4), rng.choice(list(happy))
        low, high = classes[word]
        rows.append([f"C{i:02}", "en picahielo", 1.5, 3, f"Grado {grade}", word, joy])
        truth.append({
            "patient_id": f"C{i:02}", "scar_type": "acne_icepick", "needle_depth_mm": 1.5,
            "session_count": 3, "baseline_severity": grade, "improvement_low": low,
            "improvement_high": high, "improvement_score": (low + high) / 2,
            "satisfaction_score": happy[joy],
        })  # fmt: skip
    return Made(
        path=ods(folder / "mejoria.ods", ods_table("Datos", heads, *rows)),
        truth=truth,
        answers={"levels": {"satisfaction_score": happy}},
    )


@sheet
def es_tiempos(folder):
    """Times have their unit in the cell, "3 meses" beside "2 semanas", and so has the depth.

    H is hombre and M mujer; ages are exact, with the word "años".
    """
    rng = Random(21)
    times = {"10 días": 10 / 7, "2 semanas": 2, "1 mes": 365.25 / 84, "3 meses": 3 * 365.25 / 84}
    heads = ["Paciente", "Sexo", "Edad", "Cicatriz", "Profundidad", "Sesiones", "Seguimiento"]
    heads += ["Mejoría"]
    rows, truth = [], []
    for i in range(1, 17):
        sex, age, time = rng.choice("HM"), rng.randint(18, 60), rng.choice(list(times))
        depth, gain = rng.choice([1.0, 1.5]), rng.randint(10, 130) / 2
        rows.append([f"E{i:02}", sex, f"{age} años", "quirúrgica", f"{comma(depth)} mm", 2, time,
                     f"{comma(gain)} %"])  # fmt: skip
        truth.append({
            "patient_id": f"E{i:02}", "sex": "male" if sex == "H" else "female",
            "age_band": band(age), "scar_type": "surgical", "needle_depth_mm": depth,
            "session_count": 2, "weeks": times[time], "improvement_score": gain,
        })  # fmt: skip
    return Made(
        path=text(folder / "tiempos.csv", [heads, *rows], ";", "cp1252"),
        truth=truth,
        answers={"levels": {"sex": {"M": "female"}}},
    )


@sheet
def es_prp(folder):
    """The group is called "PRP" or "control", and all were needled: the word is the substance.

    One row is struck through, doubtful cells are yellow, and a comment says what nobody wrote.
    """
    rng = Random(22)
    heads = [
        "Nº paciente",
        "Grupo",
        "Tipo de cicatriz",
        "Aguja (mm)",
        "Sesiones",
        "Mejoría %",
        "Dolor EVA",
    ]
    rows, truth = [], []
    for i in range(1, 19):
        prp, gain, pain = i % 2 == 0, rng.randint(0, 70), rng.randint(0, 8)
        rows.append([i, "PRP" if prp else "control", "queloide", 1.5, 3, gain, pain])
        if i != 7:
            truth.append({
                "patient_id": str(i), "adjunct": "prp" if prp else "none", "scar_type": "keloid",
                "treatment": "needling", "needle_depth_mm": 1.5, "session_count": 3,
                "improvement_score": gain, "pain_score": pain,
            })  # fmt: skip

    def look(made):
        page = made.active
        for cell in page[8]:
            cell.font = Font(strike=True)
        page["F5"].fill = PatternFill("solid", start_color="FFFF00")
        page["F6"].comment = Comment("se duda", "enfermera")

    return Made(
        path=book(folder / "prp.xlsx", {"Hoja1": [heads, *rows]}, look),
        truth=truth,
        answers={
            "columns": {"Grupo": "adjunct"},
            "levels": {"treatment": None, "adjunct": {"PRP": "prp", "control": "none"}},
            "rows": [{"set": {"treatment": "needling"}}],
        },
    )


# French


@sheet
def fr_stata(folder):
    """Stata: labels in French, .a for "not seen", a heading that only its label explains."""
    rng = Random(23)
    rows, truth = [], []
    for i in range(1, 19):
        kind, gain, lost, site = rng.randint(1, 2), rng.randint(0, 75), i % 6 == 0, i % 2
        rows.append([i, kind, site, 1.5, 3, "a" if lost else gain, rng.randint(0, 1)])
        truth.append({
            "patient_id": str(i), "scar_type": ("", "acne_icepick", "acne_rolling")[kind],
            "sex": ("male", "female")[site], "needle_depth_mm": 1.5, "session_count": 3,
            "improvement_score": None if lost else gain, "pih": bool(rows[-1][6]),
        })  # fmt: skip
    names = ["patient", "cicatrice", "sexe", "profondeur", "seances", "am", "hpi"]
    frame = pd.DataFrame(rows, columns=names)
    path = folder / "base.dta"
    pyreadstat.write_dta(
        frame,
        str(path),
        column_labels={"am": "Amélioration %", "hpi": "Hyperpigmentation post inflammatoire"},
        variable_value_labels={
            "cicatrice": {1: "pic à glace", 2: "ondulée"}, "sexe": {0: "homme", 1: "femme"},
            "hpi": {0: "non", 1: "oui"},
        },
        missing_user_values={"am": ["a"]},
    )  # fmt: skip
    return Made(path=path, truth=truth)


@sheet
def fr_redcap(folder):
    """REDCap with events: scar and phototype were asked at inclusion only, checkboxes at visits.

    The codes mean nothing without the dictionary beside the export.
    """
    rng = Random(24)
    heads = ["record_id", "redcap_event_name", "cicatrice", "phototype", "inclusion_complete"]
    heads += [
        "semaine",
        "seances",
        "aiguille",
        "amelioration",
        "ei___1",
        "ei___2",
        "visite_complete",
    ]
    rows, truth = [], []
    for i in range(1, 11):
        kind, photo = rng.randint(1, 3), rng.randint(2, 5)
        rows.append([i, "inclusion_arm_1", kind, photo, 2, *[""] * 4, 0, 0, ""])
        for k, week in enumerate((4, 12), 1):
            gain, red, dark = rng.randint(0, 40 * k), rng.randint(0, 1), rng.randint(0, 1)
            rows.append(
                [i, f"visite_{k}_arm_1", "", "", "", week, 2 * k, "1.5", gain, red, dark, 2]
            )
            truth.append({
                "patient_id": str(i), "phototype": ("", "I", "II", "III", "IV", "V", "VI")[photo],
                "scar_type": ("", "acne_rolling", "acne_boxcar", "hypertrophic")[kind],
                "weeks": week, "session_count": 2 * k, "needle_depth_mm": 1.5,
                "improvement_score": gain, "bruising": bool(red), "pih": bool(dark),
            })  # fmt: skip
    titles = ["Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label"]
    titles += ["Choices, Calculations, OR Slider Labels", "Field Note", "Identifier?"]
    fields = [
        ["record_id", "inclusion", "", "text", "Numéro", "", "", ""],
        ["cicatrice", "inclusion", "", "radio", "Type de cicatrice",
         "1, Ondulée | 2, En boîte | 3, Hypertrophique", "", ""],
        ["phototype", "inclusion", "", "dropdown", "Phototype",
         "1, I | 2, II | 3, III | 4, IV | 5, V | 6, VI", "", ""],
        ["semaine", "visite", "", "text", "Semaine", "", "", ""],
        ["seances", "visite", "", "text", "Nombre de séances", "", "", ""],
        ["aiguille", "visite", "", "text", "Longueur d'aiguille (mm)", "", "", ""],
        ["amelioration", "visite", "", "text", "Amélioration (%)", "", "", ""],
        ["ei", "visite", "", "checkbox", "Effets indésirables",
         "1, Ecchymose | 2, Hyperpigmentation", "", ""],
    ]  # fmt: skip
    text(folder / "dico.csv", [titles, *fields])
    return Made(path=text(folder / "DATA.csv", [heads, *rows]), truth=truth)


@sheet
def fr_avant_apres(folder):
    """Before and after stand side by side on the ECCA scale, and the treatment is two in one word.

    "Microneedling + PRP" is a treatment and the substance that was put on with it.
    """
    rng = Random(25)
    heads = ["N° patient", "Traitement", "Type de cicatrice", "Longueur aiguille", "Nb séances"]
    heads += ["ECCA avant", "ECCA après"]
    rows, truth = [], []
    for i in range(1, 15):
        prp, start = i % 2 == 0, rng.randint(60, 140)
        end = start - rng.randint(5, 50)
        rows.append([i, "Microneedling + PRP" if prp else "Microneedling", "en boîte", "1,5 mm", 4,
                     start, end])  # fmt: skip
        both = {"patient_id": str(i), "treatment": "needling", "adjunct": "prp" if prp else "none",
                "scar_type": "acne_boxcar", "needle_depth_mm": 1.5, "scale": "ECCA"}  # fmt: skip
        truth.append(both | {"session_count": 0, "weeks": 0, "scale_score": start})
        truth.append(both | {"session_count": 4, "weeks": 24, "scale_score": end,
                             "improvement_score": better(start, end)})  # fmt: skip
    path = folder / "ecca.xlsx"
    return Made(
        path=book(path, {"Feuil1": [heads, *rows]}),
        truth=truth,
        differs=["weeks"],
        answers={"rows": [{}, {"set": {"weeks": 24}}]},
    )  # fmt: skip


@sheet
def fr_dates(folder):
    """Most dates are dates of Excel, some were typed as text with two digits for the year.

    Severity is "Stade 2"; a phone number was typed where a date belongs.
    """
    rng = Random(26)
    heads = [
        "Patient",
        "Cicatrice",
        "Stade initial",
        "Profondeur",
        "Séances",
        "Date première séance",
    ]
    heads += ["Date de contrôle", "Amélioration %"]
    rows, truth = [], []
    for i in range(1, 17):
        start = datetime.date(2022, 1 + i % 12, 13 + i % 12)
        end = start + datetime.timedelta(days=rng.randint(30, 200))
        grade, gain = rng.randint(2, 4), rng.randint(0, 60)
        shown = f"{start:%d/%m/%y}" if i % 4 == 0 else start
        rows.append([f"R{i:02}", "post-opératoire", f"Stade {grade}", 1.5, 3, shown, end, gain])
        truth.append({
            "patient_id": f"R{i:02}", "scar_type": "surgical", "baseline_severity": grade,
            "needle_depth_mm": 1.5, "session_count": 3, "weeks": (end - start).days / 7,
            "improvement_score": gain,
        })  # fmt: skip
    return Made(path=book(folder / "suivi.xlsx", {"Suivi": [heads, *rows]}), truth=truth)


@sheet
def fr_espaces(folder):
    """Thousands are parted by a narrow space, as French tables are: "1 250,5" beside "980,0"."""
    rng = Random(27)
    heads = ["Identifiant", "Type de cicatrice", "Aiguille (mm)", "Séances", "Amélioration (%)"]
    heads += ["Profondeur de la cicatrice (µm)"]
    rows, truth = [], []
    for i in range(1, 15):
        deep, gain = rng.randint(1600, 4000) / 2, rng.randint(10, 130) / 2
        shown = f"{deep:,.1f}".replace(",", "\u00a0").replace(".", ",")
        rows.append([f"I{i:02}", "brûlure", "1,5", 3, comma(gain), shown])
        truth.append({
            "patient_id": f"I{i:02}", "scar_type": "burn", "needle_depth_mm": 1.5,
            "session_count": 3, "improvement_score": gain, "scar_depth_um": deep,
        })  # fmt: skip
    return Made(
        path=text(folder / "mesures.csv", [heads, *rows], ";", "cp1252"),
        truth=truth,
        answers={"columns": {heads[5]: "scar_depth_um"}},
    )


# Turkish


@sheet
def tr_1254(folder):
    """Windows-1254, which reads as Western text too, with other letters: "Ýyileþme".

    The sign stands before the percent, grades are "evre 2", events "var" and "yok".
    """
    rng = Random(28)
    heads = [
        "Hasta No",
        "Cinsiyet",
        "Yaş",
        "Skar tipi",
        "Evre",
        "İğne derinliği (mm)",
        "Seans sayısı",
    ]
    heads += ["İyileşme", "Enfeksiyon"]
    types = {"yuvarlanan": "acne_rolling", "buz kıracağı": "acne_icepick", "karışık": "acne_mixed"}
    rows, truth = [], []
    for i in range(1, 19):
        kind, grade, gain, sick = (
            rng.choice(list(types)),
            rng.randint(2, 4),
            rng.randint(5, 90),
            i % 5 == 0,
        )
        sex, age = rng.choice(["kadın", "erkek"]), rng.randint(18, 60)
        rows.append([f"H{i:02}", sex, age, kind, f"evre {grade}", "1,5", 3, f"%{gain}",
                     "var" if sick else "yok"])  # fmt: skip
        truth.append({
            "patient_id": f"H{i:02}", "sex": "female" if sex == "kadın" else "male",
            "age_band": band(age), "scar_type": types[kind], "baseline_severity": grade,
            "needle_depth_mm": 1.5, "session_count": 3, "improvement_score": gain,
            "infection": sick,
        })  # fmt: skip
    return Made(path=text(folder / "hastalar.csv", [heads, *rows], ";", "cp1254"), truth=truth)


@sheet
def tr_haftalar(folder):
    """Each visit is a column of its own, named by its week, on the ECCA scale; below, the means."""
    rng = Random(29)
    heads = ["Hasta kodu", "Skar türü", "İğne (mm)", "Seans", "ECCA başlangıç", "ECCA 4. hafta"]
    heads += ["ECCA 12. hafta", "Memnuniyet"]
    rows, truth = [], []
    for i in range(1, 15):
        start, joy = rng.randint(60, 120), rng.randint(4, 10)
        scores = [start, start - rng.randint(0, 20), start - rng.randint(20, 50)]
        rows.append([f"M{i:02}", "kutu tipi", 2, 4, *scores, joy])
        for week, score in zip((0, 4, 12), scores, strict=True):
            truth.append({
                "patient_id": f"M{i:02}", "scar_type": "acne_boxcar", "needle_depth_mm": 2,
                "session_count": 4 if week else 0, "weeks": week, "scale": "ECCA",
                "scale_score": score, "satisfaction_score": joy if week else None,
                "improvement_score": better(start, score) if week else None,
            })  # fmt: skip
    path = folder / "haftalar.xlsx"
    mean = ["Ortalama", None, 2, 4, 90, 80, 55, 7]

    def write(*last):
        return book(path, {"Veri": [heads, *rows, *last]})

    return Made(path=write(mean), truth=truth, mend=write)


@sheet
def tr_iki_yuz(folder):
    """Two halves of a face, before and after: four columns of one scale, under merged group heads.

    What each half was given stands nowhere.
    """
    rng = Random(30)
    groups = [None, None, None, None, "Sol", None, "Sağ", None]
    heads = ["Hasta", "Skar tipi", "İğne boyu", "Seans sayısı"] + ["ECCA önce", "ECCA sonra"] * 2
    rows, truth = [], []
    for i in range(1, 13):
        scores = [rng.randint(70, 110), 0, rng.randint(70, 110), 0]
        scores[1], scores[3] = scores[0] - rng.randint(5, 40), scores[2] - rng.randint(15, 60)
        rows.append([f"Y{i:02}", "atrofik", 1.5, 3, *scores])
        for k, (site, adjunct) in enumerate((("left", "none"), ("right", "prp"))):
            before, now = scores[2 * k : 2 * k + 2]
            both = {"patient_id": f"Y{i:02}", "site_id": site, "adjunct": adjunct, "scale": "ECCA",
                    "treatment": "needling", "scar_type": "acne_mixed",
                    "needle_depth_mm": 1.5}  # fmt: skip
            truth.append(both | {"session_count": 0, "weeks": 0, "scale_score": before})
            truth.append(both | {"session_count": 3, "weeks": 12, "scale_score": now,
                                 "improvement_score": better(before, now)})  # fmt: skip

    def look(made):
        made.active.merge_cells("E1:F1")
        made.active.merge_cells("G1:H1")

    def given(adjunct, **more):
        return {"set": {"treatment": "needling", "adjunct": adjunct, **more}}

    return Made(
        path=book(folder / "yuz.xlsx", {"Sayfa1": [groups, heads, *rows]}, look),
        truth=truth,
        differs=["adjunct", "weeks"],
        answers={
            "design": "split_body",
            "rows": [given("none"), given("prp"), given("none", weeks=12), given("prp", weeks=12)],
        },
    )


# Sheets on which a first reading was wrong in silence


@sheet
def de_vertikal(folder):
    """Headings are merged over two rows, "ECCA" over its two columns, and groups part the body.

    The rows "Gruppe A" and "Gruppe B" have no patient.
    """
    rng = Random(31)
    heads = ["Pat", "Narbentyp", "Tiefe", "Sitzungen", "ECCA", None]
    second = [None, None, None, None, "vorher", "nachher"]
    rows, truth = [], []
    for i in range(1, 13):
        start = rng.randint(60, 110)
        end = start - rng.randint(5, 50)
        rows.append([f"V{i:02}", "Eispickelnarben", 2, 4, start, end])
        both = {"patient_id": f"V{i:02}", "scar_type": "acne_icepick", "needle_depth_mm": 2,
                "scale": "ECCA"}  # fmt: skip
        truth.append(both | {"session_count": 0, "weeks": 0, "scale_score": start})
        truth.append(both | {"session_count": 4, "weeks": 20, "scale_score": end,
                             "improvement_score": better(start, end)})  # fmt: skip

    def look(made):
        for cells in ("A1:A2", "B1:B2", "C1:C2", "D1:D2", "E1:F1"):
            made.active.merge_cells(cells)

    rows = [["Gruppe A"], *rows[:6], ["Gruppe B"], *rows[6:]]
    return Made(
        path=book(folder / "vorher nachher.xlsx", {"Tabelle1": [heads, second, *rows]}, look),
        truth=truth,
        differs=["weeks"],
        answers={"rows": [{}, {"set": {"weeks": 20}}]},
    )


@sheet
def en_old_column(folder):
    """A hidden column holds an older rating under the better heading, and one cell -99.

    Below the table stands a remark, and one cell of the percent lacks its format.
    """
    rng = Random(32)
    heads = ["ID", "Scar type", "Depth mm", "Sessions", "Improvement", "Improvement new %"]
    rows, truth = [], []
    for i in range(1, 15):
        gain = rng.randint(5, 90)
        rows.append([f"O{i:02}", "keloid", 1.5, 3, gain / 100 + 0.03, gain / 100])
        truth.append({
            "patient_id": f"O{i:02}", "scar_type": "keloid", "needle_depth_mm": 1.5,
            "session_count": 3, "improvement_score": None if i == 9 else gain,
        })  # fmt: skip
    rows[8][5] = -0.99
    path = folder / "ratings.xlsx"

    def write(*last, plain=()):
        def look(made):
            page = made.active
            page.column_dimensions["E"].hidden = True
            for row in range(2, 16):
                page.cell(row, 5).number_format = "0%"
                page.cell(row, 6).number_format = "General" if row in plain else "0.0%"

        return book(path, {"Data": [heads, *rows, *last]}, look)

    return Made(
        path=write(["* second rater: see file 2"], plain=(5, 7)),
        truth=truth,
        mend=write,
        answers={
            "columns": {"Improvement": None, "Improvement new %": "improvement_score"},
            "missing": {"improvement_score": ["-99"]},
        },
    )


@sheet
def en_follow_up(folder):
    """The follow-up is in months, which nobody wrote; 0/1 codes say who was infected."""
    rng = Random(33)
    heads = ["Patient", "Scar", "Depth (mm)", "Sessions", "Follow-up", "Improvement %", "Infection"]
    rows, truth = [], []
    for i in range(1, 15):
        months, gain, sick = rng.choice([3, 6]), rng.randint(0, 70), int(i % 7 == 0)
        rows.append([f"U{i:02}", "surgery", 1.5, 3, months, gain, sick])
        truth.append({
            "patient_id": f"U{i:02}", "scar_type": "surgical", "needle_depth_mm": 1.5,
            "session_count": 3, "weeks": months * 365.25 / 84, "improvement_score": gain,
            "infection": bool(sick),
        })  # fmt: skip
    return Made(
        path=text(folder / "follow.tsv", [heads, *rows], "\t"),
        truth=truth,
        differs=["weeks"],
        answers={"units": {"weeks": "months"}},
    )


@sheet
def es_cuartiles(folder):
    """Improvement is a quarter, 1 to 4, years have two digits in one column, four in another."""
    rng = Random(34)
    heads = ["Código", "Cicatriz", "Aguja", "Sesiones", "Fecha primera sesión", "Fecha de control"]
    heads += ["Mejoría"]
    rows, truth = [], []
    for i in range(1, 17):
        start = datetime.date(2023, 1 + i % 9, 13 + i % 12)
        end, quarter = start + datetime.timedelta(days=rng.randint(28, 120)), rng.randint(1, 4)
        rows.append(
            [f"Q{i:02}", "atrófica", "1,5", 3, f"{start:%d/%m/%y}", f"{end:%d/%m/%Y}", quarter]
        )
        low = 25 * (quarter - 1)
        truth.append({
            "patient_id": f"Q{i:02}", "scar_type": "acne_mixed", "needle_depth_mm": 1.5,
            "session_count": 3, "weeks": (end - start).days / 7, "improvement_score": low + 12.5,
            "improvement_low": low, "improvement_high": low + 25,
        })  # fmt: skip
    quarters = {str(k): f"{25 * k - 25} to {25 * k}" for k in range(1, 5)}
    return Made(
        path=text(folder / "cuartiles.csv", [heads, *rows], ";", "cp1252"),
        truth=truth,
        answers={"levels": {"improvement_score": quarters}},
    )


@sheet
def fr_droite_gauche(folder):
    """D is droite and G gauche: halves of a face under headings that differ in one letter."""
    rng = Random(35)
    heads = ["Patient", "Cicatrice", "Profondeur mm", "Séances", "Amélioration D", "Amélioration G"]
    rows, truth = [], []
    for i in range(1, 13):
        right, left = rng.randint(10, 70), rng.randint(0, 50)
        rows.append([f"G{i:02}", "pic à glace", 1.5, 3, right, left])
        both = {"patient_id": f"G{i:02}", "scar_type": "acne_icepick", "needle_depth_mm": 1.5,
                "session_count": 3}  # fmt: skip
        truth.append(both | {"site_id": "right", "improvement_score": right})
        truth.append(both | {"site_id": "left", "improvement_score": left})
    sides = [
        {"set": {"site_id": side}, "columns": {heading: "improvement_score"}}
        for side, heading in zip(("right", "left"), heads[4:], strict=True)
    ]
    return Made(
        path=text(folder / "visage.csv", [heads, *rows], ";"),
        truth=truth,
        answers={"rows": sides},
    )


@sheet
def tr_yas(folder):
    """Ages, sessions and times have their word in the cell; satisfaction runs from 1 to 5."""
    rng = Random(36)
    heads = [
        "Olgu No",
        "Tanı",
        "Yaş",
        "İğne boyu",
        "Seans",
        "Takip",
        "İyileşme oranı",
        "Memnuniyet",
    ]
    rows, truth = [], []
    for i in range(1, 17):
        age, months, gain, joy = (
            rng.randint(18, 60),
            rng.choice([1, 3]),
            rng.randint(5, 80),
            1 + i % 5,
        )
        kind = "keloid" if i % 2 else "hipertrofik skar"
        rows.append([i, kind, f"{age} yaş", "1,5 mm", "3 kez", f"{months} ay", f"%{gain}", joy])
        truth.append({
            "patient_id": str(i), "scar_type": "keloid" if i % 2 else "hypertrophic",
            "age_band": band(age), "needle_depth_mm": 1.5, "session_count": 3,
            "weeks": months * 365.25 / 84, "improvement_score": gain,
            "satisfaction_score": (joy - 1) * 2.5,
        })  # fmt: skip
    points = {str(k): (k - 1) * 2.5 for k in range(1, 6)}
    return Made(
        path=text(folder / "olgular.csv", [heads, *rows], ";"),
        truth=truth,
        differs=["satisfaction_score"],
        answers={"levels": {"satisfaction_score": points}},
    )


@sheet
def de_zellen(folder):
    """The depth is merged over both visits of a patient, and a format shows it in centimetres.

    One value is crossed out in its cell, as it was written for another patient.
    """
    rng = Random(37)
    heads = ["Pat.-Nr.", "Narbe", "Tiefe", "Sitzungen", "Woche", "Besserung %"]
    rows, truth = [], []
    for i in range(1, 11):
        for k, (n, week) in enumerate(((1, 4), (3, 12))):
            gain, depth = rng.randint(5, 70), (0.1, 0.15, 0.2)[i % 3]
            rows.append([f"Z{i:02}", "Unfall", depth if k == 0 else None, n, week, gain])
            truth.append({
                "patient_id": f"Z{i:02}", "scar_type": "traumatic", "needle_depth_mm": 10 * depth,
                "session_count": n, "weeks": week,
                "improvement_score": None if (i, k) == (4, 1) else gain,
            })  # fmt: skip
    path = folder / "Zellen.xlsx"

    def write(cells, crossed=""):
        def look(made):
            page = made.active
            for row in range(2, 22):
                page.cell(row, 3).number_format = '0.00" cm"'
            for row in range(2, 22, 2):
                page.merge_cells(start_row=row, end_row=row + 1, start_column=3, end_column=3)
            if crossed:
                page[crossed].font = Font(strike=True)

        return book(path, {"Tabelle1": [heads, *cells]}, look)

    kept = [[*row[:5], None] if k == 7 else row for k, row in enumerate(rows)]
    return Made(
        path=write(rows, "F9"),
        truth=truth,
        differs=["improvement_score", "needle_depth_mm"],
        mend=lambda: write(kept),
        answers={"fill_down": ["Tiefe"]},
    )
