"""Fuzz the reading of sheets, guided by coverage: ``make fuzz SECONDS=1800``.

Text files, study files, the XML of a worksheet and .sav files are changed byte by byte; whatever
reaches new code is kept and changed again. Any exception but a DataError or a DesignError is a
crash: its input and its traceback are saved once for each place. Needs atheris, which is not among
the requirements: it is for Linux, and no check depends on it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = "patient_id,scar_type,needle_depth_mm,session_count,improvement_score,weeks\n"
ROWS = "".join(f"P{i:02},acne_rolling,1.5,3,{20 + i},12\n" for i in range(8))
GERMAN = "Pat.-Nr.;Narbentyp;Nadeltiefe (mm);Sitzungen;Besserung;Datum\n" + "".join(
    f'P{i:02};Kasten;"1,5";{i};{20 + i} %;0{i}.05.2024\n' for i in range(1, 8)
)
STUDY = """title = "t"
file = "a.csv"
design = "parallel"
header = 1
delimiter = ","
decimal = "."
missing = ["-99"]
fill_down = ["patient_id"]
ids = "as written"
[columns]
"Pat" = "patient_id"
[levels.scar_type]
"roll" = "acne_rolling"
[units]
weeks = "in the cells"
[dates]
format = "DD.MM.YYYY"
weeks_since_last_session = { to = "weeks", since = "Start" }
[plan]
final_week = 12
[[rows]]
set = { site_id = "left" }
columns = { "ECCA vorher" = "scale_score" }
"""
WORDS = (
    "patient_id", "scar_type", "needle_depth_mm", "session_count", "improvement_score", "weeks",
    "acne_rolling", "sep=;", "Mittelwert", "ECCA vorher", "ECCA nachher", "links", "rechts", "-99",
    "45 %", "1,5 mm", "1.500", "12.05.2024", ">75", "Gr. III", "k.A.", "Name", "redcap_event_name",
    "[levels.sex]", "[[rows]]", "[missing]", "in the cells", "fraction", "YYYY", "<c r=", "<v>",
    "<is><t>", "t=", "s=", "<f>", "<row r=", "hidden=", "<mergeCell ref=", "$FL2", "#DIV/0!",
    "1E+30",
)  # fmt: skip
SLOW = 30  # seconds that one input may take, of a process that others disturb
SHARE = 20  # of every so many inputs one is also proposed for, which takes longer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1800, help="in all, shared by the targets")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--target", choices=sorted(TARGETS), help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=sorted(TARGETS), nargs="+", default=sorted(TARGETS))
    parser.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    said, rest = parser.parse_known_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("fuzz: atheris is missing; install it with: .venv/bin/pip install atheris")
        return 1
    if said.replay:
        _replay(said.target, said.replay)
        return 0
    if said.target:
        _run(said.target, said.out, rest)
        return 0
    crashes = sum(_guide(name, said.out, said.seconds // len(said.only)) for name in said.only)
    print(f"{crashes} kinds of crashes" + (f": see {said.out}/*/crashes" if crashes else ""))
    return int(crashes > 0)


def _guide(name: str, out: Path, seconds: int) -> int:
    """Run one target for so long, again after a fall of the process; return kinds of crashes."""
    folder = out / name
    for part in ("corpus", "crashes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(TARGETS[name][0]()):
        (folder / "corpus" / f"seed{i}").write_bytes(seed)
    words = "\n".join('"' + "".join(f"\\x{b:02x}" for b in w.encode()) + '"' for w in WORDS)
    (folder / "words.dict").write_text(words)
    end, runs, last = time.monotonic() + seconds, 0, ""
    while (left := int(end - time.monotonic())) > 2:
        options = [f"-max_total_time={left}", f"-timeout={SLOW}", f"-report_slow_units={SLOW}"]
        options += ["-rss_limit_mb=4096", f"-artifact_prefix={folder}/crashes/"]
        options += [f"-dict={folder}/words.dict"]
        call = [sys.executable, __file__, "--target", name, "--out", str(out), "-max_len=8192"]
        call += ["-print_final_stats=1", *options, str(folder / "corpus")]
        done = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
        found = re.findall(r"^#(\d+)\s+\S+\s+(cov: \d+ ft: \d+ corp: \d+)", done.stderr, re.M)
        runs += int(found[-1][0]) if found else 0
        last = found[-1][1] if found else done.stderr[-400:]
        (folder / "log.txt").write_text(done.stderr)
    for fallen in (folder / "crashes").glob("crash-*"):  # the process fell: is it so without us?
        call = [sys.executable, __file__, "--target", name, "--replay", str(fallen)]
        if subprocess.run(call, capture_output=True, check=False).returncode == 0:
            fallen.unlink()
    crashes = [f for f in (folder / "crashes").iterdir() if f.suffix != ".txt"]
    print(f"{name}: {runs} executions, {last}, {len(crashes)} kinds of crashes", flush=True)
    return len(crashes)


def _run(name: str, out: Path, options: list[str]) -> None:
    """Fuzz one target in this process; it ends with the time, or where the process falls."""
    import atheris

    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["mnstudy.cohort"]):
        import mnstudy as mn
        from mnstudy.cohort.proposing.propose import propose
        from mnstudy.cohort.reading import labelled
        from mnstudy.errors import DataError, DesignError
    labelled.survives = lambda *_: True  # a process for each input is too slow; see _replay
    mn.load("demo_clinic")  # what is imported late is imported now
    os.chdir(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    write = TARGETS[name][1]
    crashes, count = out.resolve() / name / "crashes", 0

    def once(data: bytes) -> None:
        nonlocal count
        count += 1
        path = write(data)
        try:
            mn.validate(path)
            if count % SHARE == 0 and path.suffix != ".toml":
                propose(path)
        except (DataError, DesignError):
            pass
        except Exception as error:
            _save(crashes, data, error)

    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


def _replay(name: str, file: Path) -> None:
    """Read an input with the package as it is; the exit code says whether it ends."""
    import mnstudy as mn
    from mnstudy.errors import DataError

    content = file.read_bytes()
    os.chdir(tempfile.mkdtemp())
    with contextlib.suppress(DataError):
        mn.load(TARGETS[name][1](content))


def _save(crashes: Path, data: bytes, error: Exception) -> None:
    """Save the first input that fails at a place, with its traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/mnstudy/" in f.filename] or frames
    place = f"{type(error).__name__} {ours[-1].filename} {ours[-1].lineno}"
    target = crashes / f"{type(error).__name__}-{hashlib.sha256(place.encode()).hexdigest()[:10]}"
    if not target.exists():
        target.write_bytes(data)
        said = "".join(traceback.format_exception(error))
        target.with_suffix(".txt").write_text(said, errors="replace")


# What is fuzzed: seeds, and how bytes become a file


def _text_seeds() -> list[bytes]:
    return [
        (HEAD + ROWS).encode(),
        GERMAN.encode("cp1252"),
        ("sep=;\r\n" + GERMAN).encode("utf-8-sig"),
        (HEAD + ROWS).replace(",", "\t").encode("utf-16"),
        b'ID,Scar,"a ""b""\nc",ECCA vorher,ECCA nachher\n1,burn,x,80,40\n2,keloid,,70,50\n',
    ]


def _text(data: bytes) -> Path:
    path = Path("a.csv")
    path.write_bytes(data)
    return path


def _study_seeds() -> list[bytes]:
    return [STUDY.encode(), b'file = "a.csv"\n', STUDY[: STUDY.index("[dates]")].encode()]


def _study(data: bytes) -> Path:
    if not Path("a.csv").exists():
        Path("a.csv").write_text(HEAD + ROWS)
    path = Path("study.toml")
    path.write_bytes(data)
    return path


def _workbook() -> dict[str, bytes]:
    """Return the parts of a workbook with formats, a hidden row, a struck cell and a merge."""
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    for line in (HEAD + ROWS).splitlines():
        cells = line.split(",")
        book.active.append([float(c) if c[0].isdigit() else c for c in cells])
    for cell in book.active["E"][1:]:
        cell.value, cell.number_format = cell.value / 100, "0%"
    for cell in book.active[4]:
        cell.font = Font(strike=True)
    book.active["F3"].number_format = "DD.MM.YYYY"
    book.active["F5"] = "=1/0"
    book.active.row_dimensions[6].hidden = True
    book.active.merge_cells("A8:B8")
    content = io.BytesIO()
    book.save(content)
    with zipfile.ZipFile(content) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


SHEET = "xl/worksheets/sheet1.xml"
_PARTS: dict[str, bytes] = {}


def _sheet_seeds() -> list[bytes]:
    return [_workbook()[SHEET]]


def _sheet(data: bytes) -> Path:
    _PARTS.update(_PARTS or _workbook())
    path = Path("a.xlsx")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**_PARTS, SHEET: data}.items():
            archive.writestr(name, content)
    return path


def _spss_seeds() -> list[bytes]:
    import pandas as pd
    import pyreadstat

    frame = pd.read_csv(io.StringIO(HEAD + ROWS)).assign(sex=[0.0, 1.0] * 4, pain=[3.0, 99.0] * 4)
    labels = {"sex": {0.0: "male", 1.0: "female"}, "pain": {99.0: "no answer"}}
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sav"
        for more in ({"missing_ranges": {"pain": [99]}}, {"compress": True}):
            pyreadstat.write_sav(frame, str(path), variable_value_labels=labels, **more)
            seeds.append(path.read_bytes())
    return seeds


def _spss(data: bytes) -> Path:
    path = Path("a.sav")
    path.write_bytes(data)
    return path


Target = tuple[Callable[[], list[bytes]], Callable[[bytes], Path]]
TARGETS: dict[str, Target] = {
    "text": (_text_seeds, _text),
    "study": (_study_seeds, _study),
    "worksheet": (_sheet_seeds, _sheet),
    "spss": (_spss_seeds, _spss),
}

if __name__ == "__main__":
    sys.exit(main())
