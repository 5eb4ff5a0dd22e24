"""What a meta-analysis gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from mnstudy.stats.result import SmallResult, interval, percent

METHODS = {
    "reml": "random effects (REML)",
    "pm": "random effects (Paule-Mandel)",
    "dl": "random effects (DerSimonian-Laird)",
    "common": "common effect",
}
ADJUSTMENTS = {
    True: "Knapp-Hartung",
    False: "Wald",
    "adhoc": "Knapp-Hartung, never below the Wald error",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pooled(SmallResult):
    """Studies taken together: the mean effect, its interval, and how much studies differ.

    ``prediction_low`` and ``prediction_high`` enclose the true effect of a new study of the same
    kind; they, not the confidence interval, say what the next clinic may expect. ``tau2`` is the
    variance of true effects between studies with its Q-profile interval, ``i2`` its share of all
    variance in percent. ``weights`` are percents, in the order of ``labels``. A value that does
    not exist (one study; a common effect's tau² interval) is nan and ``notes`` says why.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    p_value: float
    prediction_low: float
    prediction_high: float
    tau2: float
    tau2_ci_low: float
    tau2_ci_high: float
    i2: float
    q: float
    q_p_value: float
    k: int
    method: str
    knapp_hartung: bool | str
    labels: tuple[str, ...]
    weights: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """All notes in one text, empty when there is none."""
        return "; ".join(self.notes)

    @property
    def description(self) -> str:
        """The method in words, from the arguments."""
        if self.k == 1:
            return "one study, Wald interval"
        law = "normal" if math.isinf(self.df) else f"t with {self.df:g} df"
        return f"{METHODS[self.method]}, {ADJUSTMENTS[self.knapp_hartung]} interval, {law}"

    def _lines(self) -> list[str]:
        level = percent(self.confidence_level)
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        lines = [f"{main}, p = {self.p_value:.3g}, k = {self.k}"]
        if self.k > 1:
            spread = f"{self.prediction_low:.4g} to {self.prediction_high:.4g}"
            lines.append(f"new study: {level} prediction interval {spread}")
            scale = f"{self.tau2:.4g} ({self.tau2_ci_low:.4g} to {self.tau2_ci_high:.4g})"
            test = f"Q = {self.q:.4g}, p = {self.q_p_value:.3g}"
            lines.append(f"between studies: tau² {scale}, I² {self.i2:.3g} %, {test}")
        return [*lines, self.description, *(f"note: {note}" for note in self.notes)]


def quantile(df: float, confidence_level: float) -> float:
    """Two-sided quantile of t, or of the normal distribution when df is infinite."""
    tail = (1.0 + confidence_level) / 2.0
    return float(special.ndtri(tail) if math.isinf(df) else special.stdtrit(df, tail))


def two_sided_p(estimate: float, std_error: float, df: float) -> float:
    """Two-sided p-value of t or z; an error of zero leaves no doubt except about zero itself."""
    if std_error == 0:
        return 1.0 if estimate == 0 else 0.0
    t = -abs(estimate) / std_error
    return float(2.0 * (special.ndtr(t) if math.isinf(df) else special.stdtr(df, t)))
