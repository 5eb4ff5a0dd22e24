"""Published figures as they were printed: digits, p-values in words, rows that belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published
from mnstudy.stats.measurement.consistency import Range, rounding_range
from mnstudy.words.notes import Note

REVIEWS = ("meta_analysis", "systematic_review")
_NUMBER = re.compile(r"[-+]?(\d+\.?(\d*)|\.(\d+))")
_P = re.compile(r"(<=|>=|<|>|=)?\s*(\d*\.\d+|\d)\s*(\(.*\))?")
_NOT = ("not significant", "ns", "n.s.")
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number with the digits printed after its point."""

    value: float
    decimals: int
    text: str

    @property
    def range(self) -> Range:
        """The values that are printed so when rounded."""
        return rounding_range(self.value, self.decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedP:
    """A printed p-value as the range it stands for."""

    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedOutcome:
    """One figure of a study with what is needed to check it; numbers keep their digits."""

    ids: tuple[str, ...]
    study_id: str
    design: str
    arm_id: str
    split_body: bool
    sizes: tuple[int, ...]
    text: dict[str, str] = field(repr=False)

    def number(self, column: str) -> Number | None:
        """Return a number of the row, None where nothing is printed."""
        return number(self.text.get(column, ""))

    @property
    def n(self) -> int | None:
        """People behind the figure."""
        return int(float(self.text["n"])) if self.text["n"] else None

    @property
    def p(self) -> PrintedP | None:
        """The printed p-value, None where it is none that can be read as one."""
        return printed_p(self.text["p_value"])

    @property
    def spread(self) -> Number | None:
        """The printed spread, None where it was worked out."""
        worked_out = self.text["sd_is"] == "derived" or re.search(
            r"\bsd = ", self.text["derived"], re.IGNORECASE
        )
        return None if worked_out else self.number("sd")

    @property
    def same(self) -> tuple[str, ...]:
        """What two visits or two arms must share to be compared."""
        return (self.study_id, *(self.text[c] for c in ("concept", "instrument", "category")))

    @property
    def visit(self) -> tuple[str, ...]:
        """When the figure was taken."""
        return tuple(self.text[c] for c in ("phase", "weeks_after_last", "sessions_done"))

    @property
    def place(self) -> tuple[str, ...]:
        """What a score and its change share: a change may be filed under another concept."""
        return (self.study_id, self.arm_id, self.text["instrument"], *self.visit)

    @property
    def mean_sd(self) -> str:
        """Mean and spread as printed."""
        found = [x for x in (self.number("mean"), self.spread) if x is not None]
        values = [fmt.number(x.value, x.decimals) for x in found]
        return " ± ".join(values) + (f" (n = {self.n})" if self.n else "")

    def named(self, what: str) -> str:
        """Name a figure of the row in words."""
        parts = [self.text["category"] or self.text["instrument"] or self.text["concept"]]
        weeks = self.text["weeks_after_last"]
        parts += [self.arm_id, f"{weeks} weeks after" if weeks else self.text["phase"]]
        return f"{what}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One doubt about one printed figure."""

    outcome: PrintedOutcome
    check: str
    figure: str
    printed: str
    recomputed: str
    explanation: Note
    also: tuple[str, ...] = ()


def number(text: str) -> Number | None:
    """Read a printed number with its digits.

    >>> number("2.40").decimals, number("") is None
    (2, True)
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    digits = found[2] or found[3] or ""
    return Number(value=float(text), decimals=len(digits), text=text.strip())


def printed_p(text: str) -> PrintedP | None:
    """Read a printed p-value as a range: exact ones with their rounding, words at 5 percent.

    >>> printed_p("<.05 (sign test)").high, printed_p("NS").low, printed_p("see text") is None
    (0.05, 0.05, True)
    """
    words = re.sub(r"\s*\(.*\)$", "", text).strip().lower()
    if words in _NOT:
        return PrintedP(low=_ALPHA, high=1.0, text=text)
    if words in ("significant", "statistically significant", "significant at 5%"):
        return PrintedP(low=0.0, high=_ALPHA, text=text)
    found = _P.fullmatch(text.strip())
    if found is None:
        return None
    value, sign = float(found[2]), found[1] or "="
    if not 0 <= value <= 1:
        return None
    digits = len(found[2].partition(".")[2])
    low, high = rounding_range(value, digits)
    if sign.startswith("<"):
        # "<.000" stands for a p that a program printed as 0
        return PrintedP(low=0.0, high=value or high, text=text)
    if sign.startswith(">"):
        return PrintedP(low=value, high=1.0, text=text)
    return PrintedP(low=max(low, 0.0), high=min(high, 1.0), text=text)


_SAME_FIGURE = (
    "study_id", "arm_id", "concept", "instrument", "category", "phase", "weeks_after_last",
    "sessions_done", "statistic", "n", "mean", "events", "percent", "ci_low", "ci_high", "p_value",
)  # fmt: skip


def outcomes(published: Published) -> list[PrintedOutcome]:
    """Return the printed figures, each once: a row that repeats one to work out more joins it."""
    table = published.printed.fillna("").astype(str)
    studies = published.studies.set_index("study_id")
    arms = published.arms.set_index(["study_id", "arm_id"])
    merged: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in table.to_dict("records"):
        text = {str(k): str(v) for k, v in row.items()}
        merged.setdefault(tuple(text[c] for c in _SAME_FIGURE), []).append(text)
    found = []
    for rows in merged.values():
        first = min(rows, key=_worked_out)
        study, arm = studies.loc[first["study_id"]], arms.loc[(first["study_id"], first["arm_id"])]
        found.append(
            PrintedOutcome(
                ids=tuple(sorted(row["outcome_id"] for row in rows)),
                study_id=first["study_id"],
                design=str(study["design"]),
                arm_id=first["arm_id"],
                split_body=arm["split_body"] == "yes",
                sizes=_sizes(first["n"], arm["n"], study["n_analysed"], study["n_enrolled"]),
                text=first,
            )
        )
    return found


def _worked_out(text: dict[str, str]) -> tuple[bool, bool, str]:
    """Put the row first that repeats nothing and holds a printed spread."""
    return (text["sd_is"] == "derived", not text["sd"], text["outcome_id"])


def _sizes(*sizes: object) -> tuple[int, ...]:
    """Return the numbers of people a figure may rest on, that of its own row first."""
    known = [int(float(str(x))) for x in sizes if not pd.isna(x) and str(x) != ""]
    return tuple(dict.fromkeys(known))


def before_after(outcomes: Iterable[PrintedOutcome]) -> list[tuple[PrintedOutcome, PrintedOutcome]]:
    """Give every mean with its baseline: the only one of its arm on the same instrument."""
    means = [x for x in outcomes if x.text["statistic"] in ("mean_sd", "mean_only")]
    starts: dict[tuple[object, ...], list[PrintedOutcome]] = {}
    for x in means:
        if x.text["phase"] == "baseline":
            starts.setdefault((x.arm_id, x.same), []).append(x)
    return [
        (x, first[0])
        for x in means
        if x.text["phase"] != "baseline" and len(first := starts.get((x.arm_id, x.same), [])) == 1
    ]


def arm_pairs(
    outcomes: Iterable[PrintedOutcome],
) -> Iterator[tuple[PrintedOutcome, PrintedOutcome]]:
    """Give the figures of two arms at one visit."""
    groups: dict[tuple[object, ...], list[PrintedOutcome]] = {}
    for x in outcomes:
        if x.spread and x.number("mean") and x.text["phase"] != "baseline":
            groups.setdefault((x.same, x.visit, x.text["statistic"]), []).append(x)
    for group in groups.values():
        for one, two in combinations(group, 2):
            if one.arm_id != two.arm_id:
                yield one, two
