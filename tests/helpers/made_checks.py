"""Bodies with their checks, made by hand: other choices, who was lost, and a curve."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
from made_bodies import body
from made_findings import HOSTILE, NAN, cases

from mnstudy.reporting.run.sources import Checked
from mnstudy.verdicts.robustness.rows import COLUMNS
from mnstudy.verdicts.robustness.specification import SpecificationCurve, declared_choices
from mnstudy.words.notes import Count, as_given, note

VERDICTS = ("partly supported", "inconclusive", "supported", "contradicted")


def curve(case, *, n=57, values=None, kinds=None):
    """Return a curve over these kinds of choices, by rising estimate."""
    declared = declared_choices()
    names = list(declared)[:3] if kinds is None else kinds
    first = {kind: next(iter(options)) for kind, options in declared.items()}
    chosen = [
        first | dict(zip(names, options, strict=True))
        for options in itertools.product(*(declared[k] for k in names))
    ]
    values = np.linspace(2, 30, len(chosen)) if values is None else values
    rows = [
        {
            **c, "estimate": v, "ci_low": v - 9, "ci_high": v + 9, "p_value": 0.03,
            "n_patients": n, "verdict": VERDICTS[i % 4], "reason": "r", "p_joint": 0.04,
        }
        for i, (c, v) in enumerate(zip(chosen, values, strict=True))
    ]  # fmt: skip
    return SpecificationCurve(
        finding=case, table=pd.DataFrame(rows), joint=None, n_combinations=len(rows)
    )


def rows(case, *given):
    """Return sensitivity rows: check, choice (text or note), estimate, patients, verdict."""
    found = []
    for check, choice, value, n, verdict in given:
        found.append(
            dict.fromkeys(COLUMNS, NAN)
            | {
                "claim": case.claim.id, "dataset": case.dataset, "check": check,
                "choice": as_given(choice) if isinstance(choice, str) else choice,
                "estimate": value, "ci_low": value - 5, "ci_high": value + 5, "n_patients": n,
                "verdict": verdict, "reason": as_given("because"), "p_value": 0.1,
            }
        )  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS)).astype({"n_patients": "Int64"})


def without(level):
    return note("without_level", level=level)


def some_rows(case):
    same = case.verdict
    ranks = note("without_both_arms", choice="medians", patients=Count(n=2))
    seen = note("carried_forward", sites=Count(n=3, noun="site"))
    pushed = [note("lost_turn_nothing", points=60, side=side) for side in ("worse", "better")]
    return rows(
        case,
        ("adjustment", "not adjusted", 37.0, 57, same),
        ("ranks", ranks, 36.0, 55, same),
        ("missing", seen, 40.0, 54, same),
        ("tipping point", pushed[0], 1, 57, same),
        ("tipping point", pushed[1], 1, 57, same),
        ("clinics", without("A"), 30.0, 20, "inconclusive"),
        ("clinics", without("B"), 31.0, 54, same),
        ("clinics", without("C"), 33.0, 40, same),
        ("clinics", without("D"), 38.1, 57, same),
        ("scar types", note("only_level", level="acne"), 39.0, 30, same),
        ("scar types", note("only_level", level="burn"), 12.0, 25, "inconclusive"),
    )


def attrition(counts):
    """Return a table of attrition: arm to sites enrolled, sites with a known result."""
    found = []
    for arm, (enrolled, known) in counts.items():
        found.append([arm, "enrolled", "", "enrolled", enrolled, enrolled, 1.0])
        share = known / enrolled
        step = ["assessed", "3 sessions", "assessed after 3 sessions"]
        found.append([arm, *step, known, known, share])
    columns = ["arm", "stage", "after", "step", "patients", "sites", "share"]
    return pd.DataFrame(found, columns=columns)


def checked_bodies():
    """Return a real body, and an invented one with a curve."""
    case = replace(cases()["levels"], planned=True)
    family = replace(cases()["family"], synthetic=True, dataset="demo_clinic")
    counts = attrition({"all": (100, 63), HOSTILE: (80, 60), "peel": (20, 3)})
    dropouts = pd.DataFrame(
        [["improvement_score", "", 20.0, 18.0, -2.0, -5.0, 1.0, "percent", 40, 9, "t"]],
        columns=[
            "measure", "level", "completers", "dropouts", "difference", "ci_low", "ci_high",
            "unit", "n_completers", "n_dropouts", "method",
        ],
    )  # fmt: skip
    real = Checked(
        sensitivity={case.claim.id: some_rows(case)},
        flow=counts,
        dropouts=dropouts,
    )
    invented = Checked(
        sensitivity={family.claim.id: some_rows(family)},
        curves=(curve(family),),
        flow=counts,
        dropouts=dropouts.iloc[:0],
    )
    return [
        replace(body("clinic", [case], heading=HOSTILE), checked=real),
        replace(
            body("demo", [family], heading="demonstration (SYNTHETIC)", synthetic=True),
            checked=invented,
        ),
    ]
