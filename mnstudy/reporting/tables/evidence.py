"""The published evidence as it is printed: a row for every claim, measure and endpoint.

The studies behind it as BibTeX, with the parts of a citation.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.formatting import Profile, profile_named
from mnstudy.packaged import packaged
from mnstudy.reporting.tables.latex import ESCAPES
from mnstudy.reporting.tables.printed_table import Column, Lettered, PrintedTable, Row, RowGroup
from mnstudy.verdicts.claims.registry import GROUPS, MATTER_MOST, OWN, registry
from mnstudy.verdicts.evidence.certainty import LEVELS, Certainty, settings
from mnstudy.verdicts.evidence.evidence import EFFECT_WORDS, MODALITY_WORDS, SIDES
from mnstudy.verdicts.evidence.groups import CONDITIONS
from mnstudy.words.notes import note, sentences
from mnstudy.words.units import short

SAID = packaged("verdicts/evidence/evidence.toml")
BEYOND = 10_000  # a ratio or an end of it larger than this says nothing but "not known"
DATASET = "published trials"
DECIDES = "this group decides the verdict on the claim; the others are shown beside it"
CREDIBLE = "95 % credible interval from few studies, with a prior on how much studies differ"
BESIDE = {
    "half_prior": "with half the scale of the prior",
    "twice_prior": "with twice",
    "knapp_hartung": "without a prior, Knapp-Hartung",
}
CIRCLES = {level: Certainty(level=level, domains=()).circles for level in LEVELS}
REVIEW_NOTES = ("reviews_as_printed", "reviews_overlap")
SUMMARY_NOTES = ("summary_risks", "summary_better", "summary_steps", "evidence_certainty")
NOTES = ("evidence_apart", "evidence_prediction", "evidence_certainty")
READ_IN = {
    "abstract_or_paper": "figures read from an abstract or table page",
    "secondary": "figures read from a news, register or regulator page",
}
_SPECIAL = {c: ESCAPES[c] for c in "\\{}~^&%$#_"}
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_NAME = re.compile(r"[^\W\d_][^\W\d_'’-]*(?:['’ -][^\W\d_]+)*")


def evidence_printed(
    table: pd.DataFrame, *, profile: str | Profile = "default"
) -> PrintedTable | None:
    """Print the table of the published evidence.

    Parameters
    ----------
    table : DataFrame
        As ``mnstudy.evidence_table`` returns it, or some of its rows.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable or None
        None without a row. Claims in the order of the table, a row for each measure and endpoint;
        a claim without any says so.

    Examples
    --------
    >>> import mnstudy as mn
    >>> printed = evidence_printed(mn.evidence_table(["treats-wrinkles", "home-riskier"]))
    >>> [row.cells[0] for row in printed.rows]
    ['mean, points: wrinkle score, points better; sun-damaged skin', 'nothing found']
    """
    if table.empty:
        return None
    style, letters = profile_named(profile), Lettered()
    level, groups = _level(table, style), []
    for _, own in table.groupby("claim", sort=False):
        rows = tuple(_row(row, style, letters) for row in own.to_dict("records"))
        groups.append(RowGroup(title=str(own["title"].iloc[0]), rows=rows))
    return PrintedTable(
        key="evidence",
        title="Published evidence by claim, measure and endpoint",
        dataset=DATASET,
        synthetic=False,
        columns=_columns(
            "Measure and endpoint", "Comparison", "k", "People", f"Estimate ({level}interval)",
            "Prediction", "I\N{SUPERSCRIPT TWO}, %", "Certainty", "Verdict", numbers=range(2, 7),
        ),
        groups=tuple(groups),
        lettered=letters.notes,
        notes=sentences(map(note, NOTES)),
        profile=style.name,
    )  # fmt: skip


def _level(table: pd.DataFrame, style: Profile) -> str:
    """Return the level of all intervals; nothing where they differ."""
    levels = table["confidence_level"].dropna().unique()
    return f"{style.level(float(levels[0]))} " if len(levels) == 1 else ""


def _columns(*heads: str, numbers: Collection[int] = ()) -> tuple[Column, ...]:
    """Return columns by their heads, and which of them hold numbers."""
    found = enumerate(heads)
    return tuple(Column(head=x, align="right" if i in numbers else "left") for i, x in found)


def _row(row: Mapping[Any, Any], style: Profile, letters: Lettered) -> Row:
    if not row["k"]:
        cells = [row["state"], "", "0", "", "", "", "", "", row["verdict"]]
        return Row(cells=tuple(str(c) for c in cells), marks=((0, letters(row["reason"])),))
    name = f"{_measure(row)}: {row['outcome']}; {_of_whom(row)}"
    ends = _ends(row)
    ahead = fmt.Ends(value=math.nan, ci_low=row["prediction_low"], ci_high=row["prediction_high"])
    cells = [
        name,
        _comparison(row),
        style.count(int(row["k"])),
        style.count(int(row["people"])),
        _interval(ends),
        _between(ahead.ci_low, ahead.ci_high, row),
        "" if math.isnan(row["i2"]) else fmt.number(row["i2"], 0),
        str(row["certainty"]),
        str(row["verdict"]),
    ]
    marks = [(0, letters(DECIDES))] if row["decides"] else []
    marks += [(4, letters(_credible(row)))] if row["interval_kind"] == "credible" else []
    return Row(cells=tuple(cells), strong=bool(row["decides"]), marks=tuple(marks))


def _credible(row: Mapping[Any, Any]) -> str:
    """Say what a credible interval is, and what stands beside it."""
    beside = [f"{words} {_interval(_ends(row, f'{kind}_'))}" for kind, words in BESIDE.items()]
    return f"{CREDIBLE}; {'; '.join(beside)}"


def _ends(row: Mapping[Any, Any], prefix: str = "") -> fmt.Ends:
    value, low, high = (float(row[f"{prefix}{x}"]) for x in ("estimate", "ci_low", "ci_high"))
    return fmt.Ends(value=value, ci_low=low, ci_high=high)


def summary_printed(
    table: pd.DataFrame,
    claims: Iterable[str] | None = None,
    *,
    profile: str | Profile = "default",
) -> PrintedTable | None:
    """Print the summary of findings: what decides each claim, a row a claim.

    Parameters
    ----------
    table : DataFrame
        As ``mnstudy.evidence_table`` returns it, or some of its rows.
    claims : iterable of str, optional
        These claims in this order, on one sheet (``MATTER_MOST`` has the ten that matter most);
        all of the table when left out.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable or None
        None without a row. Where the effect is a risk, it stands per 1,000 patients; where it is a
        standardised difference between arms, as the chance that a treated one does better; the
        certainty in circles, with the steps that lowered it as notes; a claim without an estimate
        says what there is.

    References
    ----------
    Cochrane Handbook 6, chapter 14, https://training.cochrane.org/handbook/current/chapter-14.

    Examples
    --------
    >>> import mnstudy as mn
    >>> printed = summary_printed(mn.evidence_table(["comparable-to-laser", "home-riskier"]))
    >>> [row.cells[2].partition(";")[0] for row in printed.rows]
    ['0.9 (0.3 to 1.4) SD', 'no estimate']
    """
    style, letters = profile_named(profile), Lettered()
    first = table.drop_duplicates("claim").set_index("claim", drop=False)  # it decides, if any
    asked = list(first.index) if claims is None else [c for c in claims if c in first.index]
    if not asked:
        return None
    by_topic: dict[str, list[Row]] = {}
    for row in first.loc[asked].to_dict("records"):
        topic = registry()[row["claim"]].group if row["claim"] in registry() else OWN
        by_topic.setdefault(topic, []).append(_summary_row(row, style, letters))
    most = "the questions patients ask most" if claims is not None else "each claim"
    level, heads = _level(table, style), ("Compared with", "Treated")
    return PrintedTable(
        key="summary_of_findings",
        title=f"Summary of findings: what published trials say of {most}",
        dataset=DATASET,
        synthetic=False,
        columns=(
            *_columns("Question: outcome, patients, comparison, time", "Studies (people)"),
            *_columns(f"Effect ({level}interval)"),
            *(Column(head=head, over="Of 1,000 patients", align="right") for head in heads),
            *_columns("Certainty", "What it means"),
        ),
        groups=tuple(RowGroup(title=GROUPS[topic], rows=tuple(rows))
                     for topic, rows in by_topic.items()),
        lettered=letters.notes,
        notes=sentences(map(note, SUMMARY_NOTES)),
        profile=style.name,
        one_page=claims is not None,
    )  # fmt: skip


def _summary_row(row: Mapping[Any, Any], style: Profile, letters: Lettered) -> Row:
    asked = MATTER_MOST.get(row["claim"], row["title"])
    if not row["decides"]:
        why = f"{row['verdict']}: {row['reason']}"
        return Row(cells=(asked, "0", "no estimate", "", "", "", why))
    against = f"against {row['reference_arm']}" if row["reference_arm"] else ""
    margin = _valued(fmt.as_entered(row["margin"]), row)
    about = (row["outcome"], _of_whom(row), against, _when(row))
    cells = [
        f"{asked}{' ' if row['claim'] in MATTER_MOST else ': '}{', '.join(filter(None, about))}",
        fmt.unbroken(f"{style.count(int(row['k']))}, {_comparison(row)}")
        + f" ({style.count(int(row['people']))})",
        "; ".join(
            filter(
                None,
                (_valued(_interval(_ends(row)), row), better_of_100(row["measure"], _ends(row))),
            )
        ),
        fmt.number(row["per_1000_reference"], 0) if row["per_1000_reference"] >= 0 else "",
        fmt.interval(_ends(row, "per_1000_"), 0) if row["per_1000_estimate"] >= 0 else "",
        f"{CIRCLES[row['certainty']]} {fmt.unbroken(row['certainty'])}",
        f"{row['verdict']}: {row['because']} ({SAID['line'][row['rule']]} {margin})",
    ]
    marks = [(2, letters(CREDIBLE))] if row["interval_kind"] == "credible" else []
    steps = ((words, row[f"steps_{name}"]) for name, words in settings()["domains"].items())
    lost = [f"{words} {fmt.number(x, 0)}" for words, x in steps if x < 0]
    marks += [(5, letters(", ".join(lost)))] if lost else []
    return Row(cells=tuple(cells), marks=tuple(marks))


def _valued(number: str, row: Mapping[Any, Any]) -> str:
    """Return a number with its unit; the name of a ratio stands before it."""
    unit = str(row["unit"])
    return f"{unit} {number}" if unit == "odds ratio" else f"{number} {short(unit)}"


def better_of_100(measure: str, ends: fmt.Interval) -> str:
    """Return the probability of superiority, Phi(d / sqrt 2), of a difference between arms in SD.

    McGraw & Wong (1992), doi 10.1037/0033-2909.111.2.361. Empty for other measures.

    Examples
    --------
    >>> better_of_100("smd", fmt.Ends(value=0.31, ci_low=-0.13, ci_high=0.75))
    'better in 59 of 100 pairs (46 to 70; 50 is no difference)'
    """
    if measure != "smd":
        return ""
    of_100 = (50 * (1 + math.erf(d / 2)) for d in (ends.value, ends.ci_low, ends.ci_high))
    value, low, high = (fmt.number(x, 0) for x in of_100)
    return f"better in {value} of 100 pairs ({low} to {high}; 50 is no difference)"


def _when(row: Mapping[Any, Any]) -> str:
    """Return when it was assessed, in weeks after the last session where that is printed."""
    low, high = row["weeks_after_last_low"], row["weeks_after_last_high"]
    if math.isnan(low):
        return str(SAID["phase"].get(row["phase"], "at several times"))
    weeks = dict.fromkeys(fmt.number(x, 0) for x in (low, high))
    return f"{' to '.join(weeks)} weeks after the last session"


def _comparison(row: Mapping[Any, Any]) -> str:
    if row["controlled"]:
        return str(row["design_class"]) + (", add-on" if row["add_on"] else "")
    return "between patients" if row["comparison"] == "observational" else "one group"


def _of_whom(row: Mapping[Any, Any]) -> str:
    """Return condition and substance in words."""
    condition = CONDITIONS.get(row["condition"], str(row["condition"]).replace("_", " "))
    substance = str(row["substance"]).replace("_", " ")
    joined = "added to" if row["add_on"] else "with"
    return f"{condition}, {joined} {substance}" if substance else condition


def _measure(row: Mapping[Any, Any]) -> str:
    """Return the measure with its unit, unless it says that already."""
    name, unit = str(SAID["measure"][row["measure"]]["label"]), str(row["unit"])
    return name if unit == name else f"{name}, {short(unit)}"


def _interval(ends: fmt.Ends) -> str:
    """Write an estimate; an end of a ratio beyond any meaning is written as such."""
    if ends.ci_high <= BEYOND or math.isnan(ends.ci_high):
        return fmt.interval(ends)
    digits = fmt.decimals_for(ends.value)
    low = fmt.number(ends.ci_low, 2)
    return f"{fmt.number(ends.value, digits)} ({low} to over {fmt.number(BEYOND, 0)})"


def _between(low: float, high: float, row: Mapping[Any, Any]) -> str:
    if math.isnan(low) and math.isnan(high):
        return ""
    digits = fmt.decimals_for(low, high, row["estimate"]) if high <= BEYOND else 2
    end = fmt.number(high, digits) if high <= BEYOND else f"over {fmt.number(BEYOND, 0)}"
    return f"{fmt.number(low, digits)} to {end}"


def reviews_printed(
    reviews: pd.DataFrame, *, profile: str | Profile = "default"
) -> PrintedTable | None:
    """Print what published meta-analyses found, claim by claim.

    Parameters
    ----------
    reviews : DataFrame
        As ``reviews_frame`` returns it.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable or None
        None without a row.
    """
    if reviews.empty:
        return None
    style = profile_named(profile)
    groups = []
    for claim_id, own in reviews.groupby("claim_id", sort=False):
        title = registry()[str(claim_id)].title if claim_id in registry() else str(claim_id)
        rows = tuple(_review_row(row, style) for row in own.to_dict("records"))
        groups.append(RowGroup(title=title, rows=rows))
    return PrintedTable(
        key="meta_analyses",
        title="What published meta-analyses found of the claims",
        dataset=DATASET,
        synthetic=False,
        columns=_columns(
            "Meta-analysis", "Compared", "Effect", "Value (95 % CI)", "Points", "Studies",
            "Of ours at most", numbers=(3, 5, 6),
        ),
        groups=tuple(groups),
        notes=sentences(map(note, REVIEW_NOTES)),
        profile=style.name,
    )  # fmt: skip


def _review_row(row: Mapping[Any, Any], style: Profile) -> Row:
    needling = MODALITY_WORDS[row["modality"]]
    what = "" if pd.isna(row["note"]) else f"; {row['note']}"
    cells = [
        str(row["label"]),
        f"{needling} against {row['reference']}{what}",
        EFFECT_WORDS[row["effect"]],
        _two_decimals(row),
        SIDES[row["side"]],
        *(
            "" if pd.isna(row[x]) else style.count(int(row[x]))
            for x in ("k_studies", "our_earlier")
        ),
    ]
    return Row(cells=tuple(cells))


def _two_decimals(row: Mapping[Any, Any]) -> str:
    """Write a printed value so that it shows on which side of no effect a limit lies."""
    return fmt.interval(fmt.Ends(**{x: row[x] for x in ("value", "ci_low", "ci_high")}), 2)


def bibtex(studies: pd.DataFrame) -> str:
    """Return one BibTeX entry a study, by key.

    Parameters
    ----------
    studies : DataFrame
        Rows of the table of studies, by ``study_id``, which is the key.

    Notes
    -----
    The tables hold a short label, no list of authors: the name in the label is given as it
    stands, and the note says that further authors are not recorded. A field that was not seen is
    left out. LaTeX specials are escaped; a DOI stands as it is, its braces as percent codes.
    """
    entries = [_entry(str(i), row) for i, row in studies.sort_index().to_dict("index").items()]
    return "\n".join(entries)


def _entry(key: str, row: Mapping[Any, Any]) -> str:
    seen = {name: "" if pd.isna(row[name]) else row[name] for name in row}
    author = author_of(key, str(seen["label"]))
    fields = {
        "author": f"{{{_escaped(author)}}}" if author else "",
        "title": f"{{{_escaped(str(seen['title']))}}}" if seen["title"] else "",
        "journal": _escaped(str(seen["journal"])),
        "year": year_of(seen["year"]),
        "doi": doi_of(seen["doi"]).replace("{", "%7B").replace("}", "%7D"),
        "note": _escaped(_note(seen, author)),
    }
    kind = "article" if seen["journal"] else "misc"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _note(seen: Mapping[Any, Any], author: str) -> str:
    said = [READ_IN.get(str(seen["source"]), "")]
    said.append("further authors not recorded" if author else f"cited as: {seen['label']}")
    if seen["pmid"]:
        said.append(f"PMID {_whole(seen['pmid'])}")
    return "; ".join(x for x in said if x)


def author_of(key: str, label: str) -> str:
    """Return the author in a label; empty where the label names a study in other words.

    Examples
    --------
    >>> author_of("kaur2024", "Kaur 2024"), author_of("jpadprp", "PRP vs insulin, JPAD")
    ('Kaur', '')
    """
    if "authors not seen" in label or "report)" in label:
        return ""
    name = re.sub(r"\s*\([^)]*\)", "", label)
    name = re.sub(r"\s+(?:19|20)\d\d[a-z]?$", "", name).strip()
    people = [re.sub(r"^(?:von|van|de) ", "", p) for p in name.split(" and ")]
    known = all(_NAME.fullmatch(p) and all(w[0].isupper() for w in p.split()) for p in people)
    words = [_plain_letters(w) for w in re.split(r"[ -]", people[0])]
    begins = ["".join(words), *(w for w in words if len(w) > 2), words[0]]
    return name if known and any(_plain_letters(key).startswith(w) for w in begins) else ""


def _plain_letters(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[^a-z ]", "", letters)


def doi_of(value: object) -> str:
    """Return a DOI that can be one; empty where none was seen."""
    text = "" if pd.isna(value) else str(value).strip()
    return text if _DOI.fullmatch(text) else ""


def doi_link(doi: str) -> str:
    """Return the address of a DOI, safe inside an attribute."""
    return "https://doi.org/" + quote(doi, safe="/:;().-_")


def year_of(value: object) -> str:
    """Write a year; empty where it was not seen."""
    missing = pd.isna(value) or value == "" or (isinstance(value, float) and math.isnan(value))
    return "" if missing else f"{int(float(str(value)))}"


def _whole(value: object) -> str:
    text = str(value)
    return text.removesuffix(".0")


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))
