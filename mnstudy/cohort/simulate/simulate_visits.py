"""The visits of a simulated study: when each site is assessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnstudy.cohort.simulate.people import Bools, Ints, Patients, Sites


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visits:
    """One value an assessment: the index of its site, the visit (0 baseline), late or in course."""

    site: Ints
    number: Ints
    late: Bools
    last: Bools
    week: Ints
    gap: Ints

    @property
    def baseline(self) -> Bools:
        """Assessments before the first session."""
        return self.number == 0

    @property
    def course(self) -> Bools:
        """Assessments after a session of the course."""
        return ~self.baseline & ~self.late


def lay_out_visits(patients: Patients, sites: Sites) -> Visits:
    """Lay out the assessments: baseline, one after each session done, and the late ones.

    An untreated site is seen whenever its patient would have had a session.
    """
    who = sites.patient
    done, late = patients.done[who], patients.late[who]
    rows = 1 + done + late
    site = np.repeat(np.arange(len(who)), rows)
    step = np.arange(len(site)) - np.repeat(rows.cumsum() - rows, rows)
    number = np.minimum(step, done[site])
    is_late = step > done[site]
    patient = who[site]
    session_week = patients.week[patient, np.maximum(number - 1, 0)]
    gap = patients.week[patient, number] - session_week
    late_gap = patients.late_gap[patient, np.clip(step - number - 1, 0, 1)]
    gap = np.where(is_late, late_gap, gap)
    return Visits(
        site=site,
        number=number,
        late=is_late,
        last=(step == done[site]),
        week=session_week + gap,
        gap=gap,
    )
