"""The report that may leave: page, tables and figures, made of the texts of a release alone."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure.answers import ReleasedClaim
from mnstudy.disclosure.described import ReleasedTable
from mnstudy.disclosure.release import BANNER, Release
from mnstudy.packaged import packaged
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Plan, draw_plan, sample, verdict_sample
from mnstudy.reporting.figures.intervals import IntervalRow, IntervalTable, intervals_panel
from mnstudy.reporting.figures.style import Look
from mnstudy.reporting.page.page import environment, source_text
from mnstudy.reporting.run.folder import head_files
from mnstudy.reporting.run.origin import shipped_notebooks
from mnstudy.reporting.tables.printed_table import (
    Column,
    PrintedTable,
    Row,
    RowGroup,
    slug,
    to_html,
)
from mnstudy.reporting.tables.write import write_csv, write_tables

TITLE = "Microneedling of scars: what may be published of these patients"
NOT_PROTECTED = (
    "This is not differential privacy: it promises nothing against somebody who knows all other "
    "patients of the study.",
    "Who knows that a person took part may learn what holds for a whole group, as for any study.",
    "The same patients in another table, published elsewhere, are not known here.",
    "Names of clinics, arms and measures stand as the study file gives them.",
    "Marginal tables of many small levels still narrow down who can be in them, by design to no "
    "fewer than five possibilities apart.",
    "That results of two groups are both here tells that the groups are the same, or differ by at "
    "least as many patients as the threshold.",
)
Picture = dict[str, str]


def write_release(
    release: Release,
    folder: Path,
    *,
    formats: Sequence[str],
    versions: Mapping[str, str],
    notebooks: bool,
) -> None:
    """Write a release into a folder; the page comes last."""
    pictures = list(_figures(release, folder, formats))
    write_csv(release.to_frame().drop(columns="profile"), folder / "results.csv")
    write_csv(_arms(release), folder / "arms.csv")
    write_csv(_choices(release), folder / "sensitivity.csv")
    write_csv(release.decisions(), folder / "disclosure.csv")
    rules = _rules(release)
    write_csv(pd.DataFrame(rules), folder / "rules.csv")
    tables = [_printed(t, release) for t in release.tables]
    claims = [_claims_table(release)] if any(x.numbers for x in release.claims) else []
    write_tables(folder / "tables", [*claims, *tables], internal=BANNER)
    names = _notebooks(folder) if notebooks else []
    head_files(folder, BANNER)
    page = (
        environment()
        .get_template("release.html.j2")
        .render(
            title=dict(release.facts).get("Title", TITLE),
            about=TITLE,
            banner=BANNER,
            release=release,
            css=source_text("report.css"),
            counts=_counted(release),
            claims=release.claims,
            tables=[to_html(t) for t in tables],
            pictures=pictures,
            rules=rules,
            broken=_broken(release),
            open=NOT_PROTECTED,
            notebooks=names,
            files=sorted(
                p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
            ),
            versions=list(versions.items()),
        )
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")


def origin(release: Release, claims: Sequence[str], versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what the manifest of a release says of itself: nothing of the sheet but its name."""
    return {
        "profile": BANNER,
        "release": release.name or "not recorded",
        "versions": dict(versions),
        "data": [{"name": release.dataset, "synthetic": release.synthetic}],
        "claims": list(claims),
    }


def _counted(release: Release) -> list[str]:
    """Say how many claims have each verdict, those not released last."""
    words = Counter(x.word or "not released" for x in release.claims)
    return [f"{words[w]} {w}" for w in (*style.VERDICT_STYLES, "not released") if words[w]]


def _arms(release: Release) -> pd.DataFrame:
    rows = [(x.claim, *arm) for x in release.claims for arm in x.arms]
    return pd.DataFrame(rows, columns=["claim", "arm", "patients", "answer"])


def _choices(release: Release) -> pd.DataFrame:
    rows = [(x.claim, *choice) for x in release.claims for choice in x.choices]
    return pd.DataFrame(rows, columns=["claim", "check", "choice", "verdict"])


def _rules(release: Release) -> list[dict[str, str]]:
    texts = packaged("disclosure/release.toml")
    return [
        {"rule": name, "value": f"{getattr(release.rules, name):g}", "meaning": meaning,
         "source": texts["sources"][name]}
        for name, meaning in texts["meaning"].items()
    ]  # fmt: skip


def _broken(release: Release) -> list[tuple[str, int]]:
    """Say how many outputs each rule held back: of outputs, never of patients."""
    found = release.decisions()
    counts = found.loc[found["decision"].eq("withheld"), "rule"].value_counts()
    return [(str(rule), int(n)) for rule, n in sorted(counts.items())]


def _claims_table(release: Release) -> PrintedTable:
    rows = tuple(
        Row(cells=(x.title, x.answer, x.patients, x.verdict)) for x in release.claims if x.numbers
    )
    return _table(
        "claims",
        "Claims with a released estimate",
        release,
        ("Claim", "Estimate (interval)", "Patients", "Verdict"),
        rows,
    )


def _printed(table: ReleasedTable, release: Release) -> PrintedTable:
    rows = tuple(Row(cells=row) for row in table.rows)
    return _table(table.key, table.title, release, table.heads, rows, table.notes)


def _table(
    key: str,
    title: str,
    release: Release,
    heads: Sequence[str],
    rows: tuple[Row, ...],
    notes: Sequence[str] = (),
) -> PrintedTable:
    first, *rest = heads
    return PrintedTable(
        key=f"{key}_release",
        title=title,
        dataset=release.dataset,
        synthetic=release.synthetic,
        columns=(Column(head=first), *(Column(head=head, align="right") for head in rest)),
        groups=(RowGroup(title="", rows=rows),),
        notes=(*notes, f"<{release.rules.threshold}: fewer patients than that, or none"),
    )


def _figures(release: Release, folder: Path, formats: Sequence[str]) -> Iterator[Picture]:
    """Draw the released estimates, one figure a unit, with the numbers they were drawn from."""
    units = dict.fromkeys(x.unit for x in release.claims if x.numbers)
    for unit in units:
        own = [x for x in release.claims if x.numbers and x.unit == unit]
        alt = f"Released estimates in {unit}: " + "; ".join(f"{x.title} {x.answer}" for x in own)
        picture = draw_plan(partial(_plan, own, release, alt))
        assert isinstance(picture, style.Picture)
        name = f"estimates-{slug(unit)}"
        place = folder / "figures" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        files = {f: style.WRITERS[f](picture) for f in dict.fromkeys(("svg", *formats))}
        for ending, content in files.items():
            place.with_name(f"{name}.{ending}").write_bytes(content)
        write_csv(_drawn(own), place.with_name(f"{name}.csv"))
        yield {
            "address": style.data_address(files["svg"]),
            "alt": alt,
            "caption": f"Estimates in {unit} with their intervals, on the grid of the release; "
            f"the line is the margin of each claim. Data: {release.dataset}; {BANNER}.",
        }


def _plan(own: Sequence[ReleasedClaim], release: Release, alt: str, look: Look) -> Plan:
    rows = tuple(
        IntervalRow(
            label=x.title,
            value=x.numbers[0],
            low=x.numbers[1],
            high=x.numbers[2],
            cells=(x.answer, x.verdict),
            mark="dot" if math.isfinite(x.numbers[0]) else "bar",
            verdict=x.word,
            margin=x.margin_value,
            whole=True,
        )
        for x in own
    )
    table = IntervalTable(
        title="",
        rows=rows,
        headers=("estimate (interval)", "verdict"),
        axis_label=own[0].unit,
        keep=tuple(x.margin_value for x in own),
    )
    key = [(verdict_sample(look, w), w) for w in dict.fromkeys(x.word for x in own) if w]
    if not all(x.word for x in own):
        key.append((sample(look, marker="s", markersize=4.5, color=style.PART), "not released"))
    return Plan(
        title=f"Released estimates, {own[0].unit}",
        words=(f"{release.dataset} · {BANNER}",),
        panels=(intervals_panel(table, look),),
        key=key,
        alt=alt,
        synthetic=release.synthetic,
    )


def _drawn(own: Sequence[ReleasedClaim]) -> pd.DataFrame:
    rows = [
        (x.claim, *(fmt.as_entered(n) if math.isfinite(n) else "" for n in x.numbers), x.unit,
         x.verdict)
        for x in own
    ]  # fmt: skip
    names = ["claim", "value", "low", "high", "unit", "verdict"]
    return pd.DataFrame(rows, columns=names)


def _notebooks(folder: Path) -> list[str]:
    """Keep what ran, without what came out: outputs are exact, and stay at home."""
    place = folder / "notebooks"
    place.mkdir()
    names = []
    for path in shipped_notebooks():
        content = json.loads(path.read_text(encoding="utf-8"))
        for cell in content["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        (place / path.name).write_text(text, encoding="utf-8", newline="\n")
        names.append(f"notebooks/{path.name}")
    return names
