"""What a report may show of tables: of a cohort, its outcomes, and verdicts under other choices.

Each function gives an exact table of a real cohort without what must not be shown; that of
invented data stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mnstudy.cohort.describe.flow import ALL, ASSESSED, ENROLLED, KNOWN
from mnstudy.cohort.describe.table_one import missingness, table_one
from mnstudy.cohort.table import About, Cohort, about, known_improvement
from mnstudy.disclosure.findings import guarded_finding, is_guarded, shown_count
from mnstudy.disclosure.notes import guarded_note, guarded_notes
from mnstudy.disclosure.small_counts import (
    FEW,
    NOT_SHOWN,
    THRESHOLD,
    hides_enough,
    is_small,
    withheld,
)
from mnstudy.formatting import Profile
from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.verdicts.analyses.dropouts import NOT_COMPARED
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.finding.judge import judge
from mnstudy.verdicts.robustness.specification import SpecificationCurve
from mnstudy.words.notes import Note, note, sentences

UNITS = ("patients", "sites")
SIZES = ("n_completers", "n_dropouts")
ARMS = ("treated", "reference")
MARGINS, CLINICS, TYPES, MISSING = "margins", "clinics", "scar types", "missing"
WITHHELD, FEW_EVENTS = note("few_apart"), note("few_with_event")
NUMBERS = ("estimate", "ci_low", "ci_high", "p_value")
SPECIFIED = (*NUMBERS, "n_patients", "p_joint")  # of one specification


def shown_about(cohort: Cohort) -> About:
    """Describe a cohort as it may be shown: real data without small counts."""
    if cohort.synthetic:
        return about(cohort)
    return about(cohort, _known(cohort.data), *guarded_notes(cohort.remarks))


def _known(data: pd.DataFrame) -> Note:
    n, known = len(data), int(data["improvement_score"].notna().sum())
    if not is_small(known) and not is_small(n - known):
        return known_improvement(data)
    kind = "improvement_unknown_few" if known > n / 2 else "improvement_known_few"
    return note(kind, least=THRESHOLD)


def shown_number(n: int, cohort: Cohort) -> str:
    """Write a number of people or rows of a cohort: ``<5`` of a real one where it is small."""
    return FEW if is_small(n) and not cohort.synthetic else f"{n:,}"


def shown_notes(cohort: Cohort) -> tuple[str, ...]:
    """Return what was assumed while loading a cohort, in words that may be shown."""
    return cohort.notes if cohort.synthetic else sentences(guarded_notes(cohort.remarks))


def shown_table_one(cohort: Cohort, *, by: str = "arm") -> pd.DataFrame:
    """Return Table 1 as it may be shown, see ``mnstudy.table_one``.

    In real data counts under 5 are withheld (``<5``), and counts from which one would follow
    (``not shown``), by the rule of the report; so is a median of fewer than 5.
    """
    table = table_one(cohort, by=by)
    if cohort.synthetic:
        return table
    marks = pd.Series("", index=table.index)
    for _, own in table.groupby("unit", sort=False):
        enrolled = own[own["level"].eq(ENROLLED)].set_index("arm")["n"].astype("int64")
        for _, rows in own.groupby("measure", sort=False):
            found = _marks(rows, enrolled)
            marks[rows.index] = [found.at[x] for x in zip(rows["level"], rows["arm"], strict=True)]
    numbers = ["n", "share", "median", "q1", "q3"]
    table[numbers] = table[numbers].mask(marks.ne(""))
    return table.assign(shown=table["shown"].mask(marks.ne(""), marks))


def _marks(rows: pd.DataFrame, enrolled: pd.Series) -> pd.Series:
    """Say what stands for the counts of a measure; an arm of unknown size shows none."""
    of_arms = withheld(enrolled.to_frame().T).loc["n"]
    counts = rows.pivot(index="level", columns="arm", values="n").astype("int64")
    counts = counts.loc[rows["level"].unique(), rows["arm"].unique()]
    whole = pd.DataFrame([enrolled[counts.columns]], index=[ENROLLED])
    marks = withheld(pd.concat([counts.drop(index=ENROLLED, errors="ignore"), whole]))
    unknown = [arm for arm in counts.columns if of_arms[arm]]
    marks[unknown] = marks[unknown].mask(marks[unknown].eq(""), NOT_SHOWN)
    return marks.stack()


def shown_missingness(cohort: Cohort) -> pd.DataFrame:
    """Return what is missing as it may be shown, see ``mnstudy.missingness``.

    In real data counts under 5, and of all but fewer than 5, are withheld.
    """
    table = missingness(cohort)
    if cohort.synthetic:
        return table
    few = pd.Series(False, index=table.index)
    n_sites = len(cohort.data[["patient_id", "site_id"]].drop_duplicates())
    for name, n in (("missing", len(cohort.data)), ("sites", n_sites)):
        few |= table[name].map(is_small) | (n - table[name]).map(is_small)
    numbers = ["missing", "share", "sites", "share_sites"]
    table[numbers] = table[numbers].mask(few)
    return table.assign(shown=table["shown"].mask(few, f"{FEW} missing or known"))


def guarded_flow(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the flow of a cohort with a column ``shown``; what is withheld of it is missing.

    Parameters
    ----------
    table : DataFrame
        That of ``mnstudy.cohort.describe.flow.flow``.
    synthetic : bool

    Returns
    -------
    DataFrame
        The same with ``shown``: ``<5`` or ``not shown`` where the numbers are withheld, else
        empty.

    Notes
    -----
    Withheld of real data is a step of an arm that fewer than five patients or sites reached, or did
    not reach. Where patients were seen again and again, so is a step that lies fewer than five from
    another one shown of that arm: the two would tell who was lost between them. Where every site
    was seen once, the steps share out those with a result: the next smallest is withheld with a
    small one. Where an arm of a step could be worked out from the total, the next smallest arm is
    too.
    """
    found = table.assign(shown="")
    if synthetic:
        return found
    small = pd.Series(False, index=table.index)
    for name in UNITS:
        enrolled = table.groupby("arm", sort=False)[name].transform("first")
        small |= table[name].map(is_small) | (enrolled - table[name]).map(is_small)
        found.loc[table[name].map(is_small), "shown"] = FEW
    for _, rows in table.groupby("arm", sort=False):
        small[_giving_away(rows, small[rows.index])] = True
    hidden = small.copy()
    for _, rows in table.groupby("step", sort=False):
        hidden[_complement(rows, small[rows.index])] = True
    found.loc[hidden & found["shown"].eq(""), "shown"] = NOT_SHOWN
    for name in (*UNITS, "share"):
        kind = "Float64" if name == "share" else "Int64"
        found[name] = found[name].astype(kind).mask(hidden)
    unknown = found["arm"].isin(found.loc[hidden & found["stage"].eq(ENROLLED), "arm"])
    found["share"] = found["share"].mask(unknown)
    return found


def _giving_away(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return the steps of an arm from which a small one, or a few lost on the way, would follow."""
    seen = rows[rows["stage"].eq(ASSESSED) & rows["sites"].gt(0)]
    known = rows[rows["stage"].eq(KNOWN)]
    if seen["sites"].sum() == known["sites"].sum():
        return _next_smallest(seen["sites"], small[seen.index])
    return _near_another(pd.concat([known, seen]), small)


def _next_smallest(sites: pd.Series, small: pd.Series) -> list[int]:
    """Return which further counts of a line with a known total are withheld."""
    hidden, further = small.copy(), []
    for place in sites[~small].sort_values(kind="stable").index:
        if not hidden.any() or hides_enough(sites[hidden].to_numpy()):
            break
        hidden[place] = True
        further.append(place)
    return further


def _near_another(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return the steps that lie a few from one shown before them."""
    near: list[int] = []
    kept: list[int] = []
    for place in rows.index[~small[rows.index]]:
        counts = rows.loc[place, list(UNITS)]
        apart = [(rows.loc[other, list(UNITS)] - counts).abs() for other in kept]
        few = any(a.between(1, THRESHOLD - 1).any() for a in apart)
        (near if few else kept).append(place)
    return near


def _complement(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return which further arms of a step are withheld, so that none follows from the total."""
    arms = rows[rows["arm"] != ALL]
    everybody = rows[rows["arm"] == ALL]
    if len(arms) < 2 or not small[arms.index].any():
        return []
    there = arms[arms["sites"].gt(0)].sort_values("arm")
    further = _next_smallest(there["sites"], small[there.index])
    hidden = small[there.index] | there.index.isin(further)
    enough = hides_enough(there.loc[hidden, "sites"].to_numpy())
    return further if enough else [*further, *everybody.index]


def guarded_dropouts(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the comparison of completers and drop-outs as it may be shown.

    Parameters
    ----------
    table : DataFrame
        That of ``mnstudy.verdicts.analyses.dropouts.completers_and_dropouts``.
    synthetic : bool

    Notes
    -----
    Sizes of 1 to 4 are missing. In real data a share is withheld where fewer than five patients of
    a group have, or lack, the level. The patients of a cohort are the completers and the drop-outs:
    where the number of one group is missing, that of the other is too.
    """
    found = table.copy()
    for name in SIZES:
        found[name] = found[name].mask(found[name].map(is_small, na_action="ignore").eq(True))
    if synthetic:
        return found
    few = _few_with_level(table)
    found.loc[few, ["completers", "dropouts", "difference", "ci_low", "ci_high"]] = float("nan")
    found.loc[few, "method"] = NOT_COMPARED
    found[list(SIZES)] = found[list(SIZES)].mask(found[list(SIZES)].isna().any(axis=1))
    return found


def _few_with_level(table: pd.DataFrame) -> pd.Series:
    """Tell which shares rest on fewer than five patients with a level, or without it."""
    few = pd.Series(False, index=table.index)
    for percent, size in zip(("completers", "dropouts"), SIZES, strict=True):
        n = table[size].astype("Float64")
        having = (table[percent].astype("Float64") * n / 100).round()
        few |= having.between(1, THRESHOLD - 1) | (n - having).between(1, THRESHOLD - 1)
    return few.fillna(False).astype(bool) & table["level"].ne("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many patients of a group have a known outcome, of how many; as it may be shown.

    ``exact`` tells that ``known`` is the number itself, so that counts of them may be shown.
    """

    known: str
    exact: bool
    whole: str = ""

    @property
    def text(self) -> str:
        """The known of all, as in ``107/108``."""
        return f"{self.known}/{self.whole}" if self.whole else self.known


def size(row: Mapping[Any, Any], finding: Finding, style: Profile) -> Size:
    """Write the patients of a group with a known outcome of those in it: ``107/108``.

    Parameters
    ----------
    row : mapping
        A row of ``mnstudy.verdicts.displays.outcomes``.
    finding : Finding
        That of the claim, as ``guarded_finding`` leaves it.
    style : Profile

    Notes
    -----
    Of a real cohort, a number that falls one to four short of its group or of the cohort is
    written as more than that whole less five; one from which a small group would follow is not
    shown.
    """
    n, whole = int(row["n"]), row["in_group"]
    total = None if pd.isna(whole) else int(whole)
    if not is_guarded(finding):
        whole = "" if total is None else style.count(total)
        return Size(known=style.count(n), exact=True, whole=whole)
    if is_small(n):
        return Size(known=FEW, exact=False)
    if _left_out(row, finding):
        return Size(known=NOT_SHOWN, exact=False)
    short = _short(n, (total, finding.cohort_patients), style)
    known = short or style.count(n)
    if total is None:
        return Size(known=known, exact=not short)
    all_of_them = _short(total, (finding.cohort_patients,), style) or style.count(total)
    return Size(known=known, exact=not short, whole=all_of_them)


def _short(n: int, wholes: tuple[int | None, ...], style: Profile) -> str:
    """Return what stands for a number that is a few short of a known one; else nothing."""
    for whole in wholes:
        if whole is not None and is_small(whole - n):
            return f">{style.count(whole - THRESHOLD)}"
    return ""


def _left_out(row: Mapping[Any, Any], finding: Finding) -> bool:
    """Tell whether the size was taken out of the finding: a small one would follow from it."""
    if row["role"] == "level":
        sizes = {p.label: p.n for p in finding.parts if p.kind == "level"}
        return sizes.get(row["group"]) is None
    arms = [p for p in finding.parts if p.kind == "arm"]
    if row["role"] not in ARMS or len(arms) != len(ARMS):
        return False
    return arms[ARMS.index(row["role"])].n is None


def is_few(row: Mapping[Any, Any], finding: Finding) -> bool:
    """Tell whether a group is so small that its result must not be shown."""
    return is_guarded(finding) and is_small(int(row["n"]))


def reveals_small_count(row: Mapping[Any, Any], shown: Size, finding: Finding) -> bool:
    """Tell whether the share of a group would tell a count of one to four people."""
    if not is_guarded(finding) or row["kind"] != "events":
        return False
    n, events = int(row["n"]), int(row["events"])
    return not shown.exact or is_small(events) or is_small(n - events)


def events(row: Mapping[Any, Any], shown: Size, finding: Finding, style: Profile) -> str:
    """Write how many had the event of how many; of one to four people only that they are few."""
    n, count = int(row["n"]), int(row["events"])
    if not reveals_small_count(row, shown, finding):
        return style.events(count, n)
    if not count:
        return f"0/{shown.known}"
    if is_small(count):
        return f"{FEW}/{style.count(n)}" if shown.exact else FEW
    if is_small(n - count) and shown.exact:
        return f"at least {style.count(n - THRESHOLD + 1)}/{style.count(n)}"
    return NOT_SHOWN


def guarded_sensitivity(finding: Finding, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a finding with a column ``withheld``, without what must not be shown.

    Their choices and reasons are notes, before and after.

    In a real cohort a row that leaves out fewer than five patients would show, taken from the
    main result, what those few had; so would a row that rests on fewer than five, and one of a
    rate that differs by fewer than five events. Their estimate and their number of patients are
    blank, the verdict stays. Where the clinics (or scar types) withheld add up to fewer than five
    patients, the smallest of the others is withheld too.

    Of a rate with 1 to 4 events every number is withheld, and the verdict at a margin by which
    one to four could be told apart.
    """
    table = rows.assign(withheld="")
    table["n_patients"] = table["n_patients"].astype("Float64").round().astype("Int64")
    if not is_guarded(finding):
        return table
    for column in ("choice", "reason"):
        table[column] = table[column].map(guarded_note)
    apart = finding.n_patients - table["n_patients"]
    hidden, events = _hidden(finding, table, apart), _few_events(finding, table)
    table = _over_margins(finding, table)
    table.loc[events, "withheld"] = str(FEW_EVENTS)
    table.loc[hidden, "withheld"] = str(WITHHELD)
    table.loc[hidden | events, list(NUMBERS)] = math.nan
    # a number of patients that differs by a few tells of a few, whatever was estimated
    sized = shown_count(finding, finding.n_patients) == f"{finding.n_patients:,}"
    near = apart.abs().between(1 if sized else 0, THRESHOLD - 1).fillna(False).astype(bool)
    table["n_patients"] = table["n_patients"].mask(hidden | near)
    return table


def _hidden(finding: Finding, table: pd.DataFrame, apart: pd.Series) -> pd.Series:
    fewer = apart.between(1, THRESHOLD - 1) & table["check"].isin((CLINICS, TYPES, MISSING))
    few = table["n_patients"].between(1, THRESHOLD - 1)
    hidden = (fewer | few).fillna(False).astype(bool)
    some_sites = apart.eq(0) & table["check"].eq(CLINICS) & ~same_estimate(finding, table)
    hidden |= (some_sites & table["estimate"].notna()).fillna(False).astype(bool)
    for check, size in ((CLINICS, apart), (TYPES, table["n_patients"])):
        group = table["check"].eq(check)
        if group.any():
            hidden |= _also_hidden(size[group].fillna(0), hidden[group], finding.n_patients)
    return hidden


def same_estimate(finding: Finding, table: pd.DataFrame) -> pd.Series:
    """Tell which rows have the estimate of the finding: what was left out was not in it."""
    value = math.nan if finding.estimate is None else finding.estimate.value
    same = [math.isclose(x, value, rel_tol=1e-9) for x in table["estimate"].astype("float64")]
    return pd.Series(same, index=table.index)


def _also_hidden(size: pd.Series, hidden: pd.Series, total: int) -> pd.Series:
    """Withhold the smallest shown group while the rest of the patients are fewer than five."""
    hidden = hidden.copy()
    shown = size[~hidden & size.gt(0)].sort_values(kind="stable")
    for place in shown.index:
        if not is_small(int(total - size[~hidden].sum())):
            break
        hidden[place] = True
    return hidden


def _is_withheld(finding: Finding) -> bool:
    """Tell whether the estimate itself is withheld."""
    shown = guarded_finding(finding).estimate
    return finding.estimate is not None and shown is not None and math.isnan(shown.value)


def _few_events(finding: Finding, table: pd.DataFrame) -> pd.Series:
    """Tell which rows give away 1 to 4 patients with the event, or without it."""
    hidden = pd.Series(_is_withheld(finding), index=table.index) & table["estimate"].notna()
    estimate = finding.estimate
    if estimate is None or finding.comparison != "rate" or estimate.unit != "percent":
        return hidden
    n = table["n_patients"].astype("float64")
    had = table["estimate"].astype("float64") * n / 100
    whole = (had - had.round()).abs() < 1e-6
    total = round(estimate.value * finding.n_patients / 100)
    other = table["check"].isin((CLINICS, TYPES, MISSING))
    for count, of_all in ((had, total), (n - had, finding.n_patients - total)):
        count = count.round()
        apart = of_all - count
        few = count.between(1, THRESHOLD - 1)
        few |= other & apart.abs().between(1, THRESHOLD - 1)
        hidden |= few & whole
        for check, size in ((CLINICS, apart), (TYPES, count)):
            group = table["check"].eq(check) & whole
            if group.any():
                hidden |= _also_hidden(size[group], hidden[group], of_all)
    return hidden


def _over_margins(finding: Finding, table: pd.DataFrame) -> pd.DataFrame:
    """Withhold the verdict at margins at which one to four events would not come to the same."""
    if not _is_withheld(finding) or finding.comparison != "rate":
        return table
    table = table.copy()
    for place in table.index[table["check"].eq(MARGINS)]:
        margin, level = (float(table.at[place, c]) for c in ("margin", "confidence_level"))
        if len(_verdicts(finding, margin, level)) > 1:
            table.at[place, "verdict"] = NOT_SHOWN
            table.at[place, "reason"] = FEW_EVENTS
    return table


def _verdicts(finding: Finding, margin: float, level: float) -> set[str]:
    """Return the verdicts that one to four events, or all but so many, could have come to."""
    estimate, shown = finding.estimate, guarded_finding(finding).estimate
    assert estimate is not None
    assert shown is not None
    n, nearly_all = finding.n_patients, shown.ci_low > 0
    found = set()
    for k in range(1, min(THRESHOLD, n + 1)):
        events = n - k if nearly_all else k
        low, high = exact_limits(events, n, (1 - level) / 2)
        possible = replace(estimate, value=100 * events / n, ci_low=100 * low, ci_high=100 * high)
        judged = judge(possible, rule=finding.rule, margin=margin, comparison=finding.comparison)
        found.add(judged.word)
    return found


def guarded_specifications(curve: SpecificationCurve) -> pd.DataFrame:
    """Return the specifications, numbers of a real cohort blank where they tell of a few people.

    Two specifications that differ by fewer than five patients would show, one taken from the
    other, what those few had; the one that is further from the usual choices is withheld.
    """
    table = curve.table.astype({"n_patients": "Int64"})
    if not is_guarded(curve.finding):
        return table
    kept: list[int] = []
    counts = table["n_patients"].value_counts(sort=False).sort_index(ascending=False)
    for n in sorted(counts.index, key=lambda n: (n != curve.finding.n_patients, -counts[n])):
        if n >= THRESHOLD and all(abs(n - k) >= THRESHOLD for k in kept):
            kept.append(int(n))
    hidden = ~table["n_patients"].isin(kept)
    estimate = guarded_finding(curve.finding).estimate
    if estimate is None or math.isnan(estimate.value):  # a rate of 1 to 4 patients
        hidden[:] = True
    for column in SPECIFIED:
        table[column] = table[column].mask(hidden)
    return table


def without_told_sizes(data: pd.DataFrame, finding: Finding) -> pd.DataFrame:
    """Return the data of a curve without a rate, or a size, that its finding must not show."""
    if _is_withheld(finding):
        data[list(SPECIFIED)] = math.nan
    sizes = data["n_patients"].dropna().unique()
    hidden = [n for n in sizes if shown_count(finding, int(n), comma="") != str(int(n))]
    return data.assign(n_patients=data["n_patients"].mask(data["n_patients"].isin(hidden)))
