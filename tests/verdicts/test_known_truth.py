"""Whole verdicts on sheets whose truth is known: they are false no more often than promised.

Each cell of ``tests/helpers/truth.py`` is drawn many times, without an effect and with an effect at
the margin, and put to its claim. Promised is false support in at most 2.5 percent, and an interval
that holds the truth in 95 percent. A cell fails where the exact 99.9 percent limit of what was
counted lies on the wrong side of the promise, so that chance alone fails one check in a thousand.

``MNSTUDY_RUNS`` sets the runs of each truth (2,000), ``MNSTUDY_TRUTH_TABLE`` a CSV file to which
each cell adds its line; ``-s`` prints the lines.
"""

import os
from math import sqrt
from pathlib import Path

import pandas as pd
import pytest
from helpers.truth import ALPHA, CELLS, at_least, at_most, cohort_of, tally

import mnstudy as mn
from mnstudy.cohort.study.study import parse_study
from mnstudy.verdicts.evaluate import verdicts_of

RUNS = int(os.environ.get("MNSTUDY_RUNS", "2000"))
TABLE = os.environ.get("MNSTUDY_TRUTH_TABLE", "")

# (cell, what is promised): why it is not kept there. What is promised: "null", "margin", "coverage"
SKEW = (
    "of log-normal values (skewness 3.7) a small sample mostly lies below the mean, with too small "
    "a spread: the upper limit falls short, so that true gains are missed; false support stays rare"
)
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("two arms, 10:30, skew", "coverage"): SKEW,
    ("two arms, 5:35, skew", "coverage"): SKEW,
    ("mean, 20, skew", "coverage"): SKEW,
    ("mean, 80, skew", "coverage"): SKEW,
    ("level, 20, at the floor", "coverage"): (
        "the interval shown is that of t, and 40 percent of the patients lie at the end of the "
        "scale; below 40 patients such a study is at most inconclusive"
    ),
    ("level, 20, skew", "coverage"): (
        "the interval shown is that of t, of a skewed bounded mean; the verdict needs Hall's too, "
        "which keeps false support at 1.3 percent"
    ),
}


def example(cell, truth=None):
    import numpy as np

    return cell.draw(np.random.default_rng(7), cell.edge if truth is None else truth)


@pytest.mark.parametrize("name", CELLS)
def test_a_drawn_sheet_is_what_loading_makes_of_it(name):
    """The contract passes the sheet unchanged, so that a run may skip reading and checking it."""
    cell = CELLS[name]
    sheet = example(cell)
    loaded = mn.load(sheet.astype("object"), study=dict(cell.study))
    pd.testing.assert_frame_equal(loaded.data, sheet)
    direct = cohort_of(sheet, parse_study(dict(cell.study), source="study"))
    one, other = (mn.evaluate(c, cell.claim)[0] for c in (loaded, direct))
    assert (one.verdict, one.estimate, one.notes) == (other.verdict, other.estimate, other.notes)
    assert one.estimate is not None, one.reason
    brief = verdicts_of(direct, cell.claim)[cell.claim]
    names = (
        "verdict",
        "lacking",
        "reasons",
        "holds",
        "estimate",
        "n_patients",
        "n_missing",
        "week",
    )
    assert [getattr(brief, x) for x in names] == [getattr(other, x) for x in names]


def share(hits, runs):
    """Return a percentage and its Monte-Carlo error."""
    p = hits / runs
    return f"{100 * p:.2f} ± {100 * sqrt(p * (1 - p) / runs):.2f}"


def line(name, null, edge):
    covered = [t.covered for t in (null, edge)]
    answered = [t.answered for t in (null, edge)]
    unanswered = null.runs + edge.runs - sum(answered)
    return {
        "cell": name,
        "runs": null.runs,
        "favourable at null": share(null.favourable, null.runs),
        "supported at null": share(null.supported, null.runs),
        "supported at margin": share(edge.supported, edge.runs),
        "covered at null": share(covered[0], max(answered[0], 1)),
        "covered at margin": share(covered[1], max(answered[1], 1)),
        "not testable": share(unanswered, null.runs + edge.runs),
        "verdicts at margin": "; ".join(f"{k} {v}" for k, v in sorted(edge.words.items())),
    }


def say(row):
    print("\n" + " | ".join(map(str, row.values())))
    if TABLE:
        path = Path(TABLE)
        pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False)


def broken(name, null, edge):
    """List the promises that are not kept, but for those that are explained above."""
    kept = {
        "null": at_least(null.favourable, null.runs) <= ALPHA,
        "margin": at_least(edge.supported, edge.runs) <= ALPHA,
        "coverage": all(
            t.answered == 0 or at_most(t.covered, t.answered) >= 0.95 for t in (null, edge)
        ),
    }
    return [what for what, good in kept.items() if not good and (name, what) not in EXCEPTIONS]


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_whole_verdicts_keep_their_promise(name):
    cell = CELLS[name]
    null, edge = (tally(cell, name, truth, RUNS) for truth in (cell.null, cell.edge))
    row = line(name, null, edge)
    say(row)
    assert cell.apart or not broken(name, null, edge), row


def test_a_procedure_that_supports_too_often_is_seen():
    """5 percent of 2,000 runs is alarming, 3 percent is not; coverage likewise."""
    assert at_least(100, 2000) > ALPHA >= at_least(60, 2000)
    assert at_most(1860, 2000) < 0.95 <= at_most(1885, 2000)


def test_every_exception_names_a_cell_and_says_why():
    for (name, what), why in EXCEPTIONS.items():
        assert name in CELLS
        assert what in ("null", "margin", "coverage")
        assert len(why) > 40


def test_arms_at_the_ends_of_the_scale_need_limits_that_allow_for_skewness():
    """Half of the untreated at the floor, many needled at the ceiling: t limits alone are sure."""
    held, t_alone = 0, 0
    for seed in range(60):
        cohort = mn.simulate(
            20, design="parallel", truth={"reduces-scarring": 12.0}, rng=seed,
            situation={"regular_visits": True, "ceiling": 25.0, "floor": 0.0},
        )  # fmt: skip
        finding = verdicts_of(cohort, "reduces-scarring")["reduces-scarring"]
        beyond = finding.estimate.ci_low >= 10
        held += beyond and finding.verdict != "supported"
        t_alone += beyond
        assert beyond or finding.verdict != "supported"
    assert 0 < held < t_alone
