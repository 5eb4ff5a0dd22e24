"""How often a study of this kind would reach each verdict, by simulating it many times."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from numbers import Real
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.simulate.simulate import simulate
from mnstudy.cohort.simulate.truth import truths
from mnstudy.fingerprints import code_fingerprint, fingerprint, write_whole
from mnstudy.verdicts.claims.registry import claim as claim_of
from mnstudy.verdicts.evaluate import verdicts_of
from mnstudy.verdicts.finding.finding import VERDICTS

BATCH = 50  # studies that are drawn, and kept, together
CELL = ["claim", "design", "n_patients", "situation", "truth", "effect"]
FOUND = ["estimate", "ci_low", "ci_high", "verdict", "lacking"]
TRUTHS = ("null", "margin", "twice")
ROOMS = ("cohort", "stats", "verdicts", "words")  # that draw and judge
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperatingCharacteristics:
    """What study designs do in the long run.

    Attributes
    ----------
    table : DataFrame
        One row a kind of study: ``claim``, ``design``, ``n_patients``, ``situation``, ``truth``
        (null, margin or twice, where one was asked for), ``effect`` (true, as the estimates of the
        claim count it; missing where the situation leaves none known), ``holds`` (true, too small
        or false), ``reps``; the share of each verdict; ``beyond_margin`` (supported, or partly for
        want of a cause alone), ``false_support`` (that, or anything in favour, where the claim does
        not hold: see Notes), ``false_contradiction`` (contradicted though it holds), ``coverage``
        (of the intervals there are), ``not_answered``; and their Monte-Carlo standard errors, with
        `` error`` behind the name. ``width`` is the median width of the intervals.
    estimates : DataFrame
        One row a study: the kind of study, estimate, ci_low, ci_high, verdict.

    Notes
    -----
    Promised is false support in at most 2.5 percent: of anything in favour where there is no effect
    in the direction of the claim, of an interval beyond the margin where there is a smaller one, or
    one just at the margin.
    """

    table: pd.DataFrame
    estimates: pd.DataFrame

    @property
    def _only(self) -> pd.Series:
        if len(self.table) > 1:
            raise ValueError(f"{len(self.table)} kinds of study; take the columns of .table")
        return self.table.iloc[0]

    @property
    def verdicts(self) -> pd.Series:
        """Share of studies with each verdict; of one kind of study."""
        return self._only[list(VERDICTS)].astype(float)

    @property
    def monte_carlo_error(self) -> pd.Series:
        """Standard error of these shares."""
        errors = self._only[[f"{word} error" for word in VERDICTS]].astype(float)
        return errors.set_axis(list(VERDICTS))

    @property
    def effect(self) -> float:
        """True effect in the unit of the claim; nan where none is known."""
        return float(self._only["effect"])

    @property
    def coverage(self) -> float:
        """Share of the intervals that hold the true effect."""
        return float(self._only["coverage"])

    def to_frame(self) -> pd.DataFrame:
        """Return the table, nothing rounded."""
        return self.table.copy()

    def __str__(self) -> str:
        return "\n".join("\n".join(_lines(row)) for _, row in self.table.iterrows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shares = [*VERDICTS, "false_support", "coverage"]
        return str(self.table[[*CELL, *shares]].to_html(index=False, float_format="{:.3g}".format))


def _lines(row: pd.Series) -> Iterator[str]:
    more = f", {row['situation']}" if row["situation"] else ""
    more += f", true effect {row['effect']:g}" if pd.notna(row["effect"]) else ""
    yield (
        f"{row['claim']}: {row['reps']:,} {row['design'].replace('_', ' ')} studies of "
        f"{row['n_patients']:,} patients{more}"
    )
    named = [(word, word) for word in VERDICTS]
    if pd.notna(row["coverage"]):
        named.append(("truth in interval", "coverage"))
    for words, name in named:
        share, error = 100 * row[name], 100 * row[f"{name} error"]
        yield f"  {words:<20}{fmt.number(share)} % (± {fmt.number(error)})"


def operating_characteristics(
    claim: str | Sequence[str],
    *,
    n_patients: int | Sequence[int],
    reps: int = 1000,
    truth: Mapping[str, float] | str | Sequence[str] | None = None,
    design: str | Sequence[str] = "registry",
    situation: Mapping[str, Any] | None = None,
    rng: int = 0,
    n_jobs: int | None = None,
    keep: str | Path | None = None,
    progress: Progress | None = None,
) -> OperatingCharacteristics:
    """Simulate studies many times and count their verdicts, each claim the only primary one.

    Parameters
    ----------
    claim, n_patients, design : one or several
        Claim ids, patients in each study, and registry, parallel, split_body or single_arm; every
        combination is a kind of study.
    reps : int
        Number of simulated studies of each kind.
    truth : mapping, or words, optional
        Claim id to true effect, see ``mnstudy.simulate``; or, for each claim, some of "null" (no
        effect), "margin" (an effect at its margin) and "twice" (twice as far from none).
    situation : mapping, optional
        What breaks verdicts (spreads, skewness, losses and others), see ``mnstudy.simulate``; or
        names to such mappings, each a kind of study.
    rng : int
        Seed; study i always gets the same random numbers, whatever its kind, ``n_jobs``, backend
        or order.
    n_jobs : int, optional
        Processes, -1 for one a core. Without it ``joblib.parallel_config`` decides, else it is one;
        under ``joblib.parallel_config(backend="dask")`` all workers of the cluster are used.
    keep : str or Path, optional
        Folder where batches of 50 studies are kept as they end, so that a run that was ended goes
        on from there; a change of code or of anything asked starts anew. On a cluster: one that all
        its machines see, by an absolute path.
    progress : callable, optional
        Called with a stage, the studies done and all studies.

    Returns
    -------
    OperatingCharacteristics

    Raises
    ------
    KeyError
        An unknown claim id.
    ValueError
        ``reps`` or ``n_patients`` below 1, an unknown claim or word in ``truth``, an unknown option
        in ``situation``, or a claim that the design cannot show.
    RuntimeError
        A worker has another version of the code, of Python or of what computes the numbers.

    Examples
    --------
    >>> import mnstudy as mn
    >>> oc = mn.operating_characteristics(
    ...     "topical-adjunct", n_patients=30, reps=4, design="split_body",
    ...     truth={"topical-adjunct": 15})
    >>> float(oc.verdicts.sum())
    1.0
    >>> both = mn.operating_characteristics(
    ...     "topical-adjunct", n_patients=[10, 20], reps=2, design="split_body",
    ...     truth=["null", "margin"])
    >>> both.table[["n_patients", "effect", "holds"]].values.tolist()
    [[10, 0.0, 'false'], [10, 5.0, 'true'], [20, 0.0, 'false'], [20, 5.0, 'true']]
    """
    from joblib import delayed

    kinds = list(_kinds(claim, n_patients, design, truth, situation))
    if reps < 1 or min(kind.n_patients for kind in kinds) < 1:
        raise ValueError("reps and n_patients must be 1 or more")
    alike: dict[str, list[int]] = {}  # kinds that put other claims to the same studies
    for k, kind in enumerate(kinds):
        alike.setdefault(fingerprint(replace(kind, claim="", word="")), []).append(k)
    starts = [(ks, i) for ks in alike.values() for i in range(0, reps, BATCH)]
    folder = None if keep is None else Path(keep)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    asked = (([kinds[k] for k in ks], (rng, i, min(BATCH, reps - i))) for ks, i in starts)
    found = _parallel(n_jobs)(delayed(_batch)(*one, folder, _code(one[0])) for one in asked)
    batches: dict[int, list[pd.DataFrame]] = {k: [] for k in range(len(kinds))}
    done = 0
    for (ks, _), several in zip(starts, found, strict=True):
        for k, batch in zip(ks, several, strict=True):
            batches[k].append(batch)
            done += len(batch)
        if progress:
            progress("studies", done, reps * len(kinds))
    by_kind = [pd.concat(batches[k], ignore_index=True) for k in range(len(kinds))]
    table = pd.DataFrame([_summary(k, own) for k, own in zip(kinds, by_kind, strict=True)])
    studies = pd.concat(by_kind, ignore_index=True).drop(columns="lacking")
    cells = table.loc[table.index.repeat(reps), CELL].reset_index(drop=True)
    return OperatingCharacteristics(table=table, estimates=pd.concat([cells, studies], axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of study: a claim put to it, and how it is drawn."""

    claim: str
    design: str
    n_patients: int
    truth: Mapping[str, float]
    word: str
    name: str
    situation: Mapping[str, Any]

    def draw(self, n: int, rng: Any) -> Any:
        return simulate(n, truth=self.truth, design=self.design, situation=self.situation, rng=rng)


def _kinds(
    claims: str | Sequence[str],
    sizes: int | Sequence[int],
    designs: str | Sequence[str],
    truth: Mapping[str, float] | str | Sequence[str] | None,
    situation: Mapping[str, Any] | None,
) -> Iterator[_Kind]:
    given = situation or {}
    # an option that is a mapping itself has names of arms in it
    several = given and given.keys() != {"spreads"}
    several = several and all(isinstance(options, Mapping) for options in given.values())
    named = given if several else {_in_words(given): given}
    for one, design, n in product(_each(claims), _each(designs), _each(sizes)):
        claim_of(one)
        for (name, options), (word, effects) in product(named.items(), _truths(one, truth)):
            yield _Kind(claim=one, design=design, n_patients=n, truth=effects, word=word,
                        name=name, situation=options)  # fmt: skip


def _each(given: Any) -> list[Any]:
    return [given] if isinstance(given, str | Real) else list(given)


def _in_words(situation: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in situation.items())


def _truths(claim: str, truth: Any) -> list[tuple[str, Mapping[str, float]]]:
    if truth is None or isinstance(truth, Mapping):
        return [("", dict(truth or {}))]
    return [(word, {claim: _effect_at(claim, word)}) for word in _each(truth)]


def _effect_at(claim: str, word: str) -> float:
    told = truths().get(claim)
    if word not in TRUTHS:
        raise ValueError(f"truth must be effects, or some of {', '.join(TRUTHS)}, not {word!r}")
    if told is None:
        raise ValueError(f"{claim!r} has no simulated truth")
    if word == "margin":
        return told.margin
    if told.rule in ("at least", "at most", "above", "below"):
        raise ValueError(f"{claim!r} is about a limit: it has no effect of none, give the effects")
    none = 1.0 if told.rule == "ratio" else 0.0
    return none if word == "null" else 2 * told.margin - none


def _parallel(n_jobs: int | None) -> Any:
    """Return joblib's runner: results one by one, or all at the end where a backend has no other.

    A number given here would stand above that of the context, hence None for "as the context says".
    """
    from joblib import Parallel

    try:
        return Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs=n_jobs)


def _code(kinds: Sequence[_Kind]) -> str:
    """Return the fingerprint of what computes these kinds, in the process that calls this."""
    return fingerprint(code_fingerprint(*ROOMS), [claim_of(kind.claim) for kind in kinds])


@cache
def _end_with_parent() -> None:
    """End a worker of joblib's loky within a second of the process that began it.

    Left alone it would wait five minutes for work. loky's workers are known by their parent having
    no sentinel; others see to their end themselves.
    """
    parent = multiprocessing.parent_process()

    def watch(pid: int | None) -> None:
        while os.getppid() == pid:
            time.sleep(1)
        os._exit(1)

    if parent and parent.sentinel is None:
        Thread(target=watch, args=(parent.pid,), daemon=True).start()


def _batch(
    kinds: Sequence[_Kind], place: tuple[int, int, int], folder: Path | None, code: str
) -> list[pd.DataFrame]:
    """Return the verdicts on some studies, a table for each kind; kept ones from their folder."""
    _end_with_parent()
    if _code(kinds) != code:
        raise RuntimeError(
            "a worker has another version of mnstudy, of Python or of what computes the numbers "
            "than the process that asked it: install the same requirements.lock on all machines "
            "and start the workers again"
        )
    paths = [folder and _path(folder, kind, place) for kind in kinds]
    left = [kind for kind, path in zip(kinds, paths, strict=True) if not (path and path.exists())]
    rng, first, n = place
    numbers = range(first, first + n) if left else ()
    # child i of SeedSequence(rng).spawn, made where it is used
    drawn = [_verdicts(left, np.random.SeedSequence(rng, spawn_key=(i,))) for i in numbers]
    fresh = {
        kind.claim: pd.DataFrame([row[k] for row in drawn], columns=FOUND)
        for k, kind in enumerate(left)
    }
    for kind, path in zip(kinds, paths, strict=True):
        if path and kind.claim in fresh:
            write_whole(path, fresh[kind.claim].to_csv(index=False).encode())
    return [
        fresh[kind.claim] if kind.claim in fresh or not path else _read(path)
        for kind, path in zip(kinds, paths, strict=True)
    ]


def _path(folder: Path, kind: _Kind, place: tuple[int, int, int]) -> Path:
    """Return the file of a batch: its name holds all that it depends on."""
    key = fingerprint(_code([kind]), kind, place)
    return folder / f"{kind.claim}-{key[:24]}.csv"


def _read(path: Path) -> pd.DataFrame:
    exact = dict.fromkeys(FOUND[:3], lambda text: float(text or "nan"))  # to the last digit
    return pd.read_csv(path, converters=exact, keep_default_na=False)


def _verdicts(
    kinds: Sequence[_Kind], seed: np.random.SeedSequence
) -> list[tuple[float, float, float, str, str]]:
    """Draw one study and put the claims of these kinds to it, each as the only primary one."""
    cohort = kinds[0].draw(kinds[0].n_patients, np.random.default_rng(seed))
    claims = tuple(kind.claim for kind in kinds)
    plan = replace(cohort.study.plan, primary=claims, family=())
    found = verdicts_of(replace(cohort, study=replace(cohort.study, plan=plan)), claims)
    rows = []
    for finding in (found[claim] for claim in claims):
        e, lacking = finding.estimate, " ".join(finding.lacking)
        numbers = (e.value, e.ci_low, e.ci_high) if e else (float("nan"),) * 3
        rows.append((*numbers, finding.verdict, lacking))
    return rows


def _turned(claim: str) -> int:
    """Return -1 where a simulated change for the better is negative and the claim's is not."""
    return -1 if claim_of(claim).margin * truths()[claim].margin < 0 else 1


def _summary(kind: _Kind, studies: pd.DataFrame) -> dict[str, Any]:
    told = kind.draw(1, 0).study.truth.get(kind.claim, {})
    holds = str(told.get("holds", ""))
    effect = _turned(kind.claim) * float(told.get("effect", "nan")) + 0.0  # no -0.0
    verdict, answered = studies["verdict"], studies["ci_low"].notna()
    beyond = verdict.eq("supported") | (
        verdict.eq("partly supported") & studies["lacking"].eq("cause")
    )
    favoured = verdict.isin(["supported", "partly supported"])
    limit = effect == claim_of(kind.claim).margin
    counted = {word: verdict.eq(word) for word in VERDICTS}
    counted["beyond_margin"] = beyond
    never = pd.Series(dtype=bool)
    counted["false_support"] = favoured if holds == "false" and not limit else beyond
    if not limit and holds not in ("false", "too small"):
        counted["false_support"] = never
    counted["false_contradiction"] = verdict.eq("contradicted") if holds == "true" else never
    inside = studies["ci_low"].le(effect) & studies["ci_high"].ge(effect)
    counted["coverage"] = inside[answered] if not np.isnan(effect) else never
    counted["not_answered"] = ~answered
    shares: dict[str, float] = {}
    for name, hits in counted.items():
        share = float(hits.mean()) if len(hits) else float("nan")
        shares[name], n = share, max(len(hits), 1)
        shares[f"{name} error"] = float(np.sqrt(share * (1 - share) / n))
    width = float((studies["ci_high"] - studies["ci_low"]).median())
    return {
        "claim": kind.claim, "design": kind.design, "n_patients": kind.n_patients,
        "situation": kind.name, "truth": kind.word, "effect": effect, "holds": holds,
        "reps": len(studies), **shares, "width": width,
    }  # fmt: skip
