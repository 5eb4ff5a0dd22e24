"""What changed between two reports, in the words of the claims, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.errors import DataError
from mnstudy.reporting.run.folder import manifest_of

SAME = 1e-9  # relative: numbers closer than this are the same number on another machine

KEY = ["dataset", "claim"]
SIZES = {"n_patients": "patients", "n_sites": "sites", "n_studies": "studies"}

ORDER = {
    "verdict": "with another verdict",
    "estimate": "with other numbers and the same verdict",
    "margin": "with another margin only",
    "size": "with other counts only",
    "new": "only in the new one",
    "gone": "only in the old one",
}


def difference(old: Path, new: Path) -> ReportDifference:
    """Compare two reports.

    Parameters
    ----------
    old, new : Path
        Folders that ``mnstudy report`` wrote.

    Returns
    -------
    ReportDifference

    Raises
    ------
    DataError
        A folder holds no report.
    """
    before, after = _Report.read(old), _Report.read(new)
    both = before.findings.index.intersection(after.findings.index, sort=False)
    changes = [
        c for key in both if (c := _changed(before.findings.loc[key], after.findings.loc[key]))
    ]
    changes += [_alone(r, "gone") for _, r in before.findings.drop(index=both).iterrows()]
    changes += [_alone(r, "new") for _, r in after.findings.drop(index=both).iterrows()]
    ranked = sorted(changes, key=lambda c: list(ORDER).index(c.what))
    return ReportDifference(
        changes=tuple(ranked),
        causes=(
            *_causes(before.manifest, after.manifest),
            *_plan_causes(before.findings.loc[both], after.findings.loc[both]),
        ),
        n_compared=len(both),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReportDifference:
    """What changed between two reports.

    Attributes
    ----------
    changes : tuple of Change
        Findings that differ, verdicts first.
    causes : tuple of str
        What the reports were made from and that differs: data, plan, register, code, versions.
    n_compared : int
        Findings that stand in both.
    """

    changes: tuple[Change, ...]
    causes: tuple[str, ...]
    n_compared: int

    @property
    def summary(self) -> str:
        """How many findings are as before, and how many are not."""
        counts = {k: sum(c.what == k for c in self.changes) for k in ORDER}
        in_both = sum(n for k, n in counts.items() if k not in ("new", "gone"))
        said = [f"{fmt.count(self.n_compared, 'finding')} in both"]
        said.append(f"{self.n_compared - in_both:,} as before")
        return ", ".join([*said, *(f"{n:,} {ORDER[k]}" for k, n in counts.items() if n)])

    def lines(self) -> list[str]:
        """Return the difference as lines of text."""
        lines = [self.summary]
        lines += [f"made from: {cause}" for cause in self.causes or ("the same",)]
        for change in self.changes:
            lines += [f"{change.title} · {change.dataset}", *(f"  {x}" for x in change.lines)]
        return lines

    def __repr__(self) -> str:
        return "\n".join(self.lines())


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One finding that is not the same in two reports.

    ``what`` is verdict, estimate, margin, size, new or gone; ``lines`` say it in words.
    """

    dataset: str
    claim: str
    title: str
    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Report:
    manifest: Mapping[str, Any]
    findings: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> _Report:
        manifest = manifest_of(folder)
        if manifest is None or not (folder / "results.csv").is_file():
            raise DataError(f"{folder} holds no report: name a folder of mnstudy report")
        table = pd.read_csv(folder / "results.csv", dtype=dict.fromkeys(SIZES, "str"))
        return cls(manifest, table.set_index(KEY, drop=False))


def _changed(old: pd.Series, new: pd.Series) -> Change | None:
    """Return what differs between a finding then and now; None where nothing does."""
    numbers = any(not _same(old[c], new[c]) for c in ("estimate", "ci_low", "ci_high"))
    margin = not _same(old["margin"], new["margin"])
    sizes = [c for c in SIZES if _cell(old[c]) != _cell(new[c])]
    differs = {
        "verdict": old["verdict"] != new["verdict"],
        "estimate": numbers,
        "margin": margin,
        "size": bool(sizes),
    }
    what = next((kind for kind, found in differs.items() if found), None)
    if what is None:
        return None
    lines = [_verdict_line(old, new)]
    lines += [_moved(old, new)] if numbers else []
    lines += [_margin_line(old, new)] if margin else []
    lines += [
        f"{SIZES[c]}: {_cell(old[c]) or 'none'}, now {_cell(new[c]) or 'none'}" for c in sizes
    ]
    lines.append(f"why: {_why(old, new, numbers=numbers, margin=margin)}")
    return Change(
        dataset=new["dataset"],
        claim=new["claim"],
        title=new["title"],
        what=what,
        lines=tuple(lines),
    )


def _alone(row: pd.Series, what: str) -> Change:
    lines = (f"{row['verdict']}: {row['reason']}",)
    return Change(
        dataset=row["dataset"], claim=row["claim"], title=row["title"], what=what, lines=lines
    )


def _verdict_line(old: pd.Series, new: pd.Series) -> str:
    """Say what became of the verdict."""
    if old["verdict"] == new["verdict"]:
        return f"{new['verdict']}, as before"
    return f"was {old['verdict']}, now {new['verdict']}: {new['reason']}"


def _moved(old: pd.Series, new: pd.Series) -> str:
    """Say how far an estimate moved, also as a share of the margin."""
    before, after = _value(old), _value(new)
    if math.isnan(before.value) or math.isnan(after.value):
        then = "no estimate" if math.isnan(before.value) else fmt.interval(before)
        now = "no estimate" if math.isnan(after.value) else fmt.interval(after)
        return f"{then}, now {now} {new['unit']}"
    digits = _telling_digits(before, after)
    text = f"{fmt.interval(before, digits)}, now {fmt.interval(after, digits)} {new['unit']}"
    by, margin = after.value - before.value, abs(float(new["margin"]))
    if by and margin and math.isfinite(by) and not _same(before.value, after.value):
        share = abs(by) / margin
        size = "less than a hundredth of" if share < 0.01 else f"{fmt.number(share, 2)} times"
        text += f": moved by {fmt.number(by, _digits_of(by, digits))}, {size} the margin"
    return text


def _value(row: pd.Series) -> fmt.Ends:
    value, low, high = (float(row[c]) for c in ("estimate", "ci_low", "ci_high"))
    return fmt.Ends(value=value, ci_low=low, ci_high=high)


def _digits_of(value: float, least: int) -> int:
    """Return the decimals at which a number is more than nothing."""
    return max(least, -math.floor(math.log10(abs(value)) + 1e-6))


def _telling_digits(before: fmt.Ends, after: fmt.Ends) -> int:
    """Return the decimals at which the two can be told apart, the usual ones at least."""
    names = ("value", "ci_low", "ci_high")
    ends = [(getattr(before, name), getattr(after, name)) for name in names]
    usual = fmt.decimals_for(*(x for pair in ends for x in pair if not math.isnan(x)))
    for digits in range(usual, 12):
        if any(fmt.number(a, digits) != fmt.number(b, digits) for a, b in ends):
            return digits
    return usual


def _margin_line(old: pd.Series, new: pd.Series) -> str:
    """Say which margin it is compared with now."""
    then, now = (fmt.as_entered(float(r["margin"])) for r in (old, new))
    return f"compared with a margin of {now} {new['unit']}, before {then} ({new['margin_source']})"


def _why(old: pd.Series, new: pd.Series, *, numbers: bool, margin: bool) -> str:
    """Name what can have caused it, as far as the fingerprints tell."""
    found = []
    if old["sha256"] != new["sha256"]:
        found.append("other data")
    if margin:
        found.append("another margin")
    elif _cell(old["plan_sha256"]) != _cell(new["plan_sha256"]):
        found.append("another plan")
    if _cell(old["method"]) != _cell(new["method"]):
        then, now = (_cell(row["method"]) or "none" for row in (old, new))
        found.append(f"another method: {now}, before {then}")
    if not found or (found == ["another margin"] and numbers):
        found.append("same data: other code or other versions")
    return "; ".join(found)


def _same(old: Any, new: Any) -> bool:
    """Tell whether two numbers are the same up to another machine's rounding."""
    a, b = float(old), float(new)
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=SAME)


def _cell(value: Any) -> str:
    """Write a cell of a table; nothing where it is empty."""
    return "" if pd.isna(value) else str(value)


def _causes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from _data_causes(old.get("data", []), new.get("data", []))
    if old.get("register_sha256") != new.get("register_sha256"):
        yield "another register of claims"
    if old.get("program") != new.get("program"):
        yield "other code"
    then, now = old.get("versions", {}), new.get("versions", {})
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"{name} {now.get(name, 'absent')}, before {then.get(name, 'absent')}"


def _plan_causes(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    differs = old["plan_sha256"].fillna("").ne(new["plan_sha256"].fillna(""))
    return [f"another plan of {name}" for name in old.loc[differs, "dataset"].unique()]


def _data_causes(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    then, now = ({d["name"]: d["sha256"] for d in found} for found in (old, new))
    for name in dict.fromkeys([*then, *now]):
        if name not in now:
            yield f"{name} is left out"
        elif name not in then:
            yield f"{name} is new"
        elif then[name] != now[name]:
            yield f"other data of {name} (SHA-256 {now[name][:12]}…, before {then[name][:12]}…)"
