"""A release: what of a cohort may leave, as texts, with what was decided about each of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.loading.persons import identifying
from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.answers import ReleasedClaim, released_claims
from mnstudy.disclosure.described import ReleasedTable, described
from mnstudy.disclosure.groups import HOME, RECORDS, apart, history_of, read_history
from mnstudy.disclosure.ledger import BEFORE, NUMBERS, Ledger
from mnstudy.disclosure.rules import Rules, rules_of
from mnstudy.fingerprints import write_whole
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.findings import Findings

MANIFEST = "manifest.json"
BANNER = "release: counts are rounded, small groups are not shown"
COLUMNS = (
    "claim", "title", "dataset", "plan", "patients", "answer", "family", "p", "verdict", "why",
    "margin", "week", "method", "profile",
)  # fmt: skip
UNNAMED = "the cohort"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Release:
    """What of a cohort may leave.

    Attributes
    ----------
    dataset : str
        Name of the data set; ``the cohort`` where its own name may be a person's.
    synthetic : bool
    facts : tuple of (name, text)
    claims : tuple of ReleasedClaim
    tables : tuple of ReleasedTable
    limits : tuple of str
        What the data cannot tell, in the words of the study file that hold no numbers.
    ledger : Ledger
        Every output with its decision; ``ledger.internal()`` stays at home.
    """

    dataset: str
    synthetic: bool
    facts: tuple[tuple[str, str], ...]
    claims: tuple[ReleasedClaim, ...]
    tables: tuple[ReleasedTable, ...]
    limits: tuple[str, ...]
    ledger: Ledger

    @property
    def rules(self) -> Rules:
        """The thresholds it passed."""
        return self.ledger.rules

    @property
    def name(self) -> str:
        """Name of this release in the private record; empty where none is kept."""
        return self.ledger.history.name_of(self.ledger.released)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a claim, texts only."""
        rows = [
            {**{c: getattr(x, c, "") for c in COLUMNS}, "dataset": self.dataset, "profile": BANNER}
            for x in self.claims
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def decisions(self) -> pd.DataFrame:
        """Return what was decided about every output: rounded or withheld, and by which rule."""
        return self.ledger.decisions()

    def keep(self) -> None:
        """Write the private record of this release beside the sheet, open to this user alone."""
        past, folder = self.ledger.history, self.ledger.history.folder
        past.with_release(self.ledger.released).write()
        if folder is not None:
            table = self.ledger.internal().to_csv(index=False, lineterminator="\n")
            write_whole(folder / HOME, table.encode(), mode=0o600)

    def __repr__(self) -> str:
        lines = [f"{self.dataset} · {BANNER}"]
        lines += [f"{x.claim:<24}{x.verdict:<34}{x.answer}" for x in self.claims]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(x)}</td>' for x in (c.title, c.answer, c.verdict, c.why))}"
            "</tr>"
            for c in self.claims
        )
        head = "<tr><th>claim</th><th>answer</th><th>verdict</th><th>reason</th></tr>"
        caption = f"<caption>{escape(f'{self.dataset} · {BANNER}')}</caption>"
        return f"<table>{caption}{head}{rows}</table>"


def release(findings: Findings) -> Release:
    """Say of findings what may leave: one table for a paper or a slide.

    Parameters
    ----------
    findings : Findings
        Of ``mnstudy.evaluate`` on one cohort.

    Returns
    -------
    Release
        Shows itself, and ``to_frame()`` has one row a claim: texts, nothing exact behind them.

    Raises
    ------
    ValueError
        The findings are not of one cohort, or its data are public already.
    DataError
        Fewer patients than the threshold, a study file that loosens a rule, or a record of earlier
        releases that was cut off.

    Notes
    -----
    The rules are those of ``mnstudy.report(..., release=True)``, see ``docs/disclosure.md``: counts
    rounded, estimates on a grid that one patient's value moves by one step at most, verdicts only
    where rounding leaves them as they are. The groups are remembered in ``releases.jsonl`` beside
    the sheet, so that the next release cannot be subtracted from this one; of a table in memory
    and of invented data nothing is kept. Missing values are left out as in the findings.

    Examples
    --------
    >>> import mnstudy as mn
    >>> shown = mn.release(mn.evaluate(mn.load("demo_split_face"), "topical-adjunct"))
    >>> shown.to_frame()[["patients", "answer"]].iloc[0].tolist()
    ['40', '10 (5 to 10) points, to the nearest 5']
    """
    cohorts = findings.cohorts
    if len(cohorts) != 1 or not len(findings):
        raise ValueError("release takes the findings of one cohort, as mn.evaluate returns them")
    found = released(cohorts[0], findings)
    found.keep()
    return found


def check_releases(old: Path, new: str, records: str | None = None) -> list[str]:
    """Name the outputs of a release whose group differs by a few patients from an older one's.

    Parameters
    ----------
    old : Path
        Folder of a release.
    new : str
        Folder of another; or the sheet, or study.toml, of which the next one would be made.
    records : str, optional
        The private record; when left out the one beside the sheet, or beside the folders.

    Raises
    ------
    DataError
        A folder holds no release, or the record is not there, lacks lines, or does not know it.
    """
    is_release = (Path(new) / MANIFEST).is_file()
    if is_release:
        history = read_history(_records_of(records, old, Path(new)))
        after = history.of_release(_named(Path(new)))
    else:
        cohort = load(new)
        ledger = released(cohort, evaluate(cohort), tables=True).ledger
        history = read_history(Path(records).parent) if records else ledger.history
        held = ledger.entries.values()
        told = [f"{e.output}: would be withheld, {BEFORE}" for e in held if e.rule == BEFORE]
        after = ledger.released
    before = history.of_release(_named(old))
    least = rules_of(Study()).threshold
    found = [f"{x}: {BEFORE}" for x in apart(before, after, least)]
    return found if is_release else [*told, *found]


def _named(folder: Path) -> str:
    """Return the name of the release in a folder."""
    try:
        name = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["release"]
    except (OSError, ValueError, KeyError, TypeError):
        remedy = "name a folder that mnstudy report --release wrote"
        fail(folder.name, Problem(rule="a release", remedy=remedy))
    return str(name)


def _records_of(records: str | None, *folders: Path) -> Path:
    """Return the folder of the private record: the one named, else the one beside a release."""
    if records is not None:
        return Path(records).parent
    places = [Path(), *(p for f in folders for p in (f, f.resolve().parent))]
    found = next((p for p in places if (p / RECORDS).is_file()), None)
    if found is None:
        remedy = f"name it (--records): {RECORDS} lies beside the sheet"
        fail(RECORDS, Problem(rule="the record of earlier releases", remedy=remedy))
    return found


def opened(cohort: Cohort) -> Ledger:
    """Open the ledger of a cohort, or refuse one of which nothing can leave.

    Raises
    ------
    ValueError
        Its data are public already.
    DataError
        Fewer patients than the threshold, a study file that loosens a rule, or a record of earlier
        releases that was cut off.
    """
    if cohort.study.public:
        raise ValueError(
            f"{cohort.name} is public already ({cohort.study.public_because}): the ordinary report "
            "may leave as it is"
        )
    rules, past = rules_of(cohort.study), history_of(cohort)
    if cohort.data["patient_id"].nunique() < rules.threshold:
        remedy = "keep the internal report; a release needs more patients"
        rule = f"at least {rules.threshold} patients in a release"
        fail(cohort.name, Problem(column="patient_id", rule=rule, remedy=remedy))
    return Ledger(rules=rules, history=past)


def released(
    cohort: Cohort,
    findings: Findings,
    *,
    choices: Mapping[str, pd.DataFrame] | None = None,
    beside: Mapping[str, str] | None = None,
    tables: bool = False,
) -> Release:
    """Let a cohort pass the ledger; nothing is written yet.

    Parameters
    ----------
    cohort : Cohort
    findings : Findings
    choices, beside : mapping, optional
        See ``released_claims``.
    tables : bool
        Table 1, who was lost and adverse events too.
    """
    cohort, ledger = cohort.in_order(), opened(cohort)
    claims = released_claims(cohort, findings, ledger, choices=choices, beside=beside)
    made = described(cohort, ledger) if tables else []
    facts, limits = _facts(cohort, findings, ledger), _limits(cohort, ledger)
    return Release(
        dataset=_name(cohort),
        synthetic=cohort.synthetic,
        facts=facts,
        claims=tuple(claims),
        tables=tuple(made),
        limits=limits,
        ledger=ledger,
    )


def _name(cohort: Cohort) -> str:
    return cohort.name if _tells_nothing(cohort.name) else UNNAMED


def _facts(cohort: Cohort, findings: Findings, ledger: Ledger) -> tuple[tuple[str, str], ...]:
    study, ids = cohort.study, cohort.data["patient_id"].unique()
    levels = {f.estimate.confidence_level for f in findings if f.estimate is not None}
    everybody = ledger.hidden(ids)
    facts = [
        ("Title", _own_words("title", study.title, ledger)),
        ("Kind", "SYNTHETIC: invented, never evidence" if cohort.synthetic else "real"),
        ("Design", study.allocation),
        ("Patients", ledger.release("patients", len(ids), everybody, "count")),
        ("Level of the intervals", " and ".join(map(fmt.level, sorted(levels)))),
        ("Source", _own_words("source", study.source, ledger)),
        ("Licence", _own_words("licence", study.licence, ledger)),
        ("SHA-256 of the plan", study.plan_sha256),
    ]
    if ledger.history.key:
        hidden = ledger.history.hash_of(cohort.provenance.sha256)
        facts.append(("Keyed hash of the data (HMAC-SHA-256)", hidden))
    return tuple((name, text) for name, text in facts if text)


def _limits(cohort: Cohort, ledger: Ledger) -> tuple[str, ...]:
    said = [_own_words(f"limits/{i}", x.says, ledger) for i, x in enumerate(cohort.study.limits, 1)]
    return tuple(filter(None, said))


def _own_words(key: str, text: str, ledger: Ledger) -> str:
    """Return text of the study file; nothing where it holds numbers or may name a person."""
    if _tells_nothing(text):
        return text
    ledger.withhold(key, NUMBERS)
    return ""


def _tells_nothing(text: str) -> bool:
    """Tell whether a text has no number but years and may name nobody."""
    digits = "".join(c if c.isdigit() else " " for c in text).split()
    years = all(len(d) == 4 and "1950" <= d <= "2099" for d in digits)
    return years and not identifying(text, prose=True)
