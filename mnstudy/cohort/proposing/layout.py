"""How the table lies in a sheet: visits and sides in columns or worksheets, dates, totals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from mnstudy.cohort.loading.vocabulary import (
    ASK,
    CERTAIN,
    Match,
    brackets,
    column_of,
    is_missing,
    level_of,
    plain,
    without_unit,
    words_of,
)
from mnstudy.cohort.proposing.values import Column, fit, time_in, weeks_of
from mnstudy.cohort.reading.sheet import as_text
from mnstudy.cohort.scales import Scale, nearest, scale_of
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.design import ARMS
from mnstudy.cohort.study.reading import date_format

IDENTIFIES = "identifies a person; leave it out of the sheet"
VAS = ("VAS", "VAS 100")
GOODMAN_BARON = "Goodman-Baron qualitative"
WEEKS = "how many weeks after the first session was the later assessment? (weeks)"
_DATE = re.compile(r"^(\d{4}|\d\d?)([./-])(\d\d?)[./-](\d{4}|\d\d?)(?:[ T].*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What a heading says beside its measure: when, on which side, with what."""

    stem: str
    weeks: float | None = None
    when: str = ""
    side: str = ""
    arm: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, float]:
        """Tell apart the assessments of one row, in their order."""
        order = {"before": 0.0, "after": 1e6}
        return self.when, self.side, order.get(self.when, self.weeks or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """Assessments that stand beside each other in a row.

    Attributes
    ----------
    blocks, others : tuple of dict
        As ``[[rows]]`` of the study file; ``others`` of a second scale, for a person to choose.
    headings : mapping
        Heading to the column of the contract, of all blocks; empty where none was found.
    asks : tuple of str
        What a person has to decide.
    split : bool
        Both sides of a patient, treated differently.
    """

    blocks: tuple[dict[str, Any], ...] = ()
    others: tuple[dict[str, Any], ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    split: bool = False


def tag_of(heading: str) -> Tag:
    """Take a heading apart: measure, time, side and what that side was given.

    >>> tag_of("vas_wk12").weeks, tag_of("ECCA vorher").when, tag_of("Left (PRP) improvement %").arm
    (12.0, 'before', {'adjunct': 'prp'})
    """
    arm: dict[str, str] = {}
    text = heading
    for part in brackets(heading):
        found = next(((c, v) for c in reversed(ARMS) if (v := level_of(c, part))), None)
        if found:
            arm[found[0]] = found[1]
            text = text.replace(part, " ")
    words = without_unit(text)
    rest, side = _taken(words, {s: words_of("sides", s) for s in ("left", "right")})
    timed, weeks, when = _time(rest)
    if side:
        timed, arm = _arm(timed, arm)
    return Tag(stem=timed.strip(), weeks=weeks, when=when, side=side, arm=arm if side else {})


def _arm(words: str, arm: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Take a substance out of the name of a side that has none in brackets."""
    for word in words.split():
        found = "" if arm or column_of(word).column else level_of("adjunct", word)
        if found:
            return words.replace(word, " ").strip(), {"adjunct": found}
    return words, arm


def _taken(words: str, of: Mapping[str, Any]) -> tuple[str, str]:
    """Take the longest word of one of several kinds out of a text; return the rest and the kind."""
    padded = f" {words} "
    known = sorted(((w, kind) for kind in of for w in of[kind]), key=lambda x: -len(x[0]))
    for word, kind in known:
        if f" {word} " in padded:
            return " ".join(padded.replace(f" {word} ", " ", 1).split()), kind
    return words, ""


def _time(words: str) -> tuple[str, float | None, str]:
    """Take the time out of a text: the rest, weeks, and before, after or the visit."""
    kinds = {w: words_of("visits", w) for w in ("before", "after", "visit")}
    found = time_in(words)
    if found:
        rest = _taken(_taken(found[0], kinds)[0], kinds)[0]
        return rest, float(round(found[1])), "" if found[1] else "before"
    rest, when = _taken(words, {k: kinds[k] for k in ("before", "after")})
    if when:
        return rest, 0.0 if when == "before" else None, when
    names = "|".join(sorted(("v", "t", *kinds["visit"]), key=len, reverse=True))
    visit = re.search(rf"\b(?:{names}) ?(\d+)\b", words)
    if visit:
        rest = words[: visit.start()] + words[visit.end() :]
        return " ".join(rest.split()), None, visit[0]
    return words, None, ""


def wide(sheet: Sequence[Column]) -> Wide:
    """Find measures that stand in several columns, by visit or by side."""
    groups: dict[str, dict[str, Tag]] = {}
    for heading in (c.heading for c in sheet):
        tag = tag_of(heading)
        tagged = tag.when or tag.side or tag.weeks is not None
        if tagged and (tag.stem or column_of(heading).certainty != CERTAIN):
            groups.setdefault(tag.stem, {})[heading] = tag
    several = {s: g for s, g in groups.items() if len({t.place for t in g.values()}) > 1}
    places = {t.place for g in several.values() for t in g.values()}
    # a measure of one of those visits only belongs to it
    groups = {
        s: g for s, g in groups.items() if s in several or {t.place for t in g.values()} < places
    }
    by_heading = {c.heading: c for c in sheet}
    found: Found = []
    asks: list[str] = []
    headings: dict[str, str] = {}
    unnamed: list[dict[str, Any]] = []
    for stem, tags in groups.items():
        name, more, ask = _measure(stem, [by_heading[h] for h in tags])
        if name == "-":
            continue
        headings |= dict.fromkeys(tags, name)
        asks += [ask] if ask else []
        if name:
            found.append((name, more, tags))
        for heading, tag in ({} if name else tags).items():
            values = _set_of(tag) | {"scale": "?"}
            unnamed.append({"set": values, "columns": {heading: "scale_score"}})
    made = _blocks(found, headings, asks)
    return replace(made, others=(*made.others, *unnamed))


def _measure(stem: str, cells: Sequence[Column]) -> tuple[str, dict[str, str], str]:
    """Return the column of a measure, its scale, and what to ask; "-" for what is no measure."""
    match = column_of(stem)
    match = Match("", ASK, "") if match.certainty == ASK else match
    shown = " and ".join(f'"{c.heading}"' for c in cells)
    scale = scale_behind(stem, cells)
    if scale is None and match.column == "baseline_severity":
        scale = scale_of(GOODMAN_BARON)
    other = match.column and not _measured(match.column) and scale is None
    if other or any(dates_of(c) for c in cells):
        return "-", {}, ""
    if scale is not None:
        ask = f'{shown}: taken for scores of "{scale.name}"; say so if it is another scale'
        if scale.rule == "grade change":
            ask += " (a grade is not a percentage: it is kept as a change in grades)"
        if scale.name in VAS:
            ask += " (severity of the scar; pain is pain_score)"
        return "scale_score", {"scale": scale.name}, ask
    if match.column and all(fit(c, match.column).share for c in cells):
        return match.column, {}, ""
    near = ", ".join(nearest([stem])) if stem else ""
    near = f" ({near})" if near else ""
    return (
        "",
        {},
        f"{shown} seem to be one measure at several visits or sites: name its scale{near}",
    )


def scale_behind(name: str, cells: Sequence[Column]) -> Scale | None:
    """Return the known scale of that name; a line is of 10 or 100 by its values."""
    scale = scale_of(name)
    return scale_of(VAS[1]) if scale and scale.name == VAS[0] and _highest(cells) > 10 else scale


def _measured(column: str) -> bool:
    return columns()[column].kind in ("number", "boolean") or column == "baseline_severity"


def _highest(cells: Sequence[Column]) -> float:
    numbers = [pd.to_numeric(c.cells.str.replace(",", "."), errors="coerce") for c in cells]
    return float(pd.concat(numbers).max())


Found = list[tuple[str, dict[str, str], dict[str, Tag]]]


def _blocks(found: Found, headings: Mapping[str, str], asks: list[str]) -> Wide:
    """Make one block for each time and side; a second measure of a column is for a person."""
    blocks: dict[tuple[Any, ...], dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for column, more, tags in found:
        for heading, tag in tags.items():
            block = blocks.setdefault(tag.place, {"set": _set_of(tag) | more, "columns": {}})
            if column in block["columns"].values():
                others.append({"set": _set_of(tag) | more, "columns": {heading: column}})
            else:
                block["set"] |= more
                block["columns"][heading] = column
    if others:
        names = list(dict.fromkeys(m["scale"] for c, m, _ in found if "scale" in m))
        asks.append(f"which scale counts, {' or '.join(names)}? The first is taken for now")
    ordered = [blocks[place] for place in sorted(blocks, key=lambda p: (p[2], p[0], p[1]))]
    arms = {tuple(t.arm.items()) for _, _, tags in found for t in tags.values() if t.side}
    later = [b for place, b in blocks.items() if place[0] not in ("", "before")]
    if len(ordered) > 1 and any("weeks" not in b["set"] for b in later):
        asks.append(WEEKS)
    if arms == {()}:
        asks.append("what was each side given? (treatment and adjunct, in what is set for it)")
    return Wide(
        blocks=tuple(ordered),
        others=tuple(others),
        headings=headings,
        asks=tuple(asks),
        split=len(arms) > 1,
    )


def _set_of(tag: Tag) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if tag.when == "before" or tag.weeks == 0:
        values |= {"session_count": 0, "weeks": 0}
    elif tag.weeks is not None:
        values["weeks"] = int(tag.weeks) if tag.weeks % 1 == 0 else tag.weeks
    if tag.side:
        values["site_id"] = tag.side
    return values | dict(tag.arm)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateColumn:
    """A column of dates: how they are written, what they are of, how many years they span."""

    form: str
    role: str
    ambiguous: bool = False
    years: int = 0
    middle: float = 0.0  # days since 1970, the median


def dates_of(column: Column) -> DateColumn | None:
    """Return how the dates of a column are written; None where it holds none."""
    parts = [found for w in column.counts if (found := _DATE.match(w))]
    if not parts or len(parts) < 0.8 * sum(not is_missing(w) for w in column.counts):
        return None
    # dates of a spreadsheet come as YYYY-MM-DD; beside text, the form of the text counts
    shown = [p for p in parts if len(p[1]) < 4] or parts
    first, middle = (max(int(p[i]) for p in shown) for i in (1, 3))
    iso, sign = len(shown[0][1]) == 4, shown[0][2]
    year = "YYYY" if len(shown[0][4]) == 4 else "YY"
    form = f"DD{sign}MM{sign}{year}" if middle <= 12 else f"MM{sign}DD{sign}{year}"
    years = [int(p[1] if len(p[1]) == 4 else p[4]) % 100 for p in parts]
    form = f"YYYY{sign}MM{sign}DD" if iso else form
    written = pd.Series([p[0] for p in shown], dtype="str")
    days = pd.to_datetime(written, format=date_format(form), errors="coerce")
    return DateColumn(
        form=form,
        middle=float((days - pd.Timestamp(0)).dt.days.median()),
        role=_role(column.heading) or _role(column.title),
        ambiguous=not iso and sign != "." and max(first, middle) <= 12,
        years=max(years) - min(years),
    )


def _role(heading: str) -> str:
    kinds = {kind: words_of("dates", kind) for kind in ("first", "later", "last")}
    return _taken(plain(heading), kinds)[1]


def spans(found: Mapping[str, DateColumn]) -> tuple[dict[str, Any], list[str]]:
    """Propose the weeks between two dates: the table ``[dates]``, and what to ask."""
    by_role: dict[str, str] = {}
    for heading, column in found.items():
        by_role.setdefault(column.role, heading)
    to, since = by_role.get("later", ""), by_role.get("first", "")
    guessed = len(found) == 2 and len(by_role.keys() & {"later", "first"}) < 2
    if guessed:  # the one with the earlier dates is taken for the first session
        since, to = sorted(found, key=lambda heading: found[heading].middle)
    table: dict[str, Any] = {"format": next((c.form for c in found.values()), "")}
    if to:
        table["weeks"] = {"to": to, "since": since} if since else {"to": to}
        if "last" in by_role:
            table["weeks_since_last_session"] = {"to": to, "since": by_role["last"]}
    asks = [
        f'"{h}": a date whose day and month cannot be told apart; taken for {c.form}'
        for h, c in found.items()
        if c.ambiguous
    ]
    if guessed:
        asks.append(f'weeks are counted from "{since}" to "{to}": is that the first session?')
    if to and "YYYY" not in table["format"]:
        asks.append("years of two digits are taken as 20..: is that so?")
    return (table if to else {}), asks


def totals(cells: pd.DataFrame) -> list[int]:
    """Return rows at the end of a sheet that sum up the others (mean, n = 24), or hold a remark."""
    found = []
    for row in reversed(cells.index[-6:]):
        words = {plain(str(x)) for x in cells.loc[row] if isinstance(x, str) and x.strip()}
        known = words & set(words_of("totals")) - {"n", "min", "max", "sd", "de"}
        filled = [x for x in map(as_text, cells.loc[row]) if x]
        remark = len(filled) == 1 < cells.shape[1] - 1 and len(plain(filled[0]).split()) > 2
        if known or remark or any(re.fullmatch(r"n \d+", w) for w in words):
            found.append(int(row))
    return sorted(found)


def filled_down(sheet: Sequence[Column], patient: str) -> tuple[str, ...]:
    """Return headings whose cells stand only in the first row of a patient."""
    ids = next((c.cells for c in sheet if c.heading == patient), None)
    if ids is None or not len(ids) or ids.iloc[0] == "" or ids.eq("").mean() < 0.2:
        return ()
    blank = ids.eq("")
    same = [c.heading for c in sheet if (c.cells.eq("") == blank).all()]
    return (patient, *(h for h in same if h != patient))


def alike(ids: pd.Series) -> int:
    """Count ids that differ from another in capitals or leading zeros only."""
    known = ids[ids.ne("")].drop_duplicates()
    return int(known.str.lower().str.lstrip("0").duplicated().sum())


def nested(column: pd.Series, patients: pd.Series) -> bool:
    """Tell whether a place holds whole patients, several each: a centre, not a treated site."""
    known = column.ne("") & patients.ne("")
    each = column[known].groupby(patients[known]).nunique()
    hold = patients[known].groupby(column[known]).nunique()
    regions = column[known].map(lambda w: plain(w) in _regions()).any()
    return bool(len(each) and each.max() == 1 and hold.min() > 1 and not regions)


def _regions() -> set[str]:
    faces = {
        "face",
        "cheek",
        "forehead",
        "chin",
        "back",
        "chest",
        "neck",
        "gesicht",
        "wange",
        "stirn",
    }
    return {*words_of("sides", "left"), *words_of("sides", "right"), *faces}


def worksheets(sheets: Mapping[str, Sequence[Column]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which worksheets hold the table (several where they are alike), and the others."""
    score = {name: _known(sheet) for name, sheet in sheets.items()}
    best = max(sheets, key=lambda name: (score[name], len(sheets[name])))
    own = {c.heading for c in sheets[best]}
    alike = tuple(
        name
        for name, sheet in sheets.items()
        if len({c.heading for c in sheet} & own) >= max(2, 0.6 * len(own))
    )
    used = alike if len(alike) > 1 else (best,)
    return used, tuple(name for name in sheets if name not in used)


def _known(sheet: Sequence[Column]) -> int:
    columns_ = {column_of(c.heading).column for c in sheet} - {""}
    return len(columns_) * (2 if len(sheet) and len(sheet[0].cells) > 1 else 1)


def visits(sheets: Mapping[str, Sequence[Column]], patient: str) -> Wide:
    """Propose one block for each of several worksheets: visits by their names, or more patients."""
    times = {name: weeks_of(name) for name in sheets}
    ids = {n: {i for c in s if c.heading == patient for i in c.counts} for n, s in sheets.items()}
    apart = len(set().union(*ids.values())) == sum(map(len, ids.values()))
    blocks, asks = [], []
    for name, weeks in times.items():
        values: dict[str, Any] = {} if weeks is None else {"weeks": round(weeks)}
        blocks.append({"sheet": name, "set": values})
        if weeks is None and not apart:
            asks.append(f'worksheet "{name}": which week is it? (weeks)')
    return Wide(blocks=tuple(blocks), asks=tuple(asks))
