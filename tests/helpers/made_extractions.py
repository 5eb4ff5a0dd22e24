"""Small tables of published evidence, made study by study."""

from mnstudy.cohort.published import extraction
from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.verdicts.claims.registry import claim as claim_of
from mnstudy.verdicts.evidence.evidence import claim_evidence
from mnstudy.verdicts.evidence.groups import groups

HIGHER, LOWER = "treated_better_if_higher", "treated_better_if_lower"


def events(count, n):
    return {"statistic": "events", "events": count, "n": n, "category": "counted"}


def mean(value, sd, n, statistic="mean_sd"):
    return {"statistic": statistic, "mean": value, "sd": sd, "n": n, "sd_is": "sd"}


USUAL = {
    "design": "rct_parallel", "condition": "acne_scar", "assessor_blinded": "yes", "year": 2020,
    "source": "abstract_or_paper", "use": "pool", "device": "pen", "adjunct": "none",
    "concept": "improvement", "instrument": "score", "endpoint": "scar_score", "primary": "yes",
    "orientation": HIGHER, "modality": "plain",
}  # fmt: skip


class Extraction:
    """Tables made study by study; ``also`` gives cells of any table by the name of their column."""

    def __init__(self):
        self.rows = {name: [] for name in extraction.TABLES}

    def row(self, name, **cells):
        self.rows[name].append(cells)
        return self

    def study(self, name, claim, measure, treated, reference=None, *, before=None, **also):
        """Add a study: its treated end, that of the reference arm, that before; see ``events``.

        ``other`` is what the reference arm received, ``basis`` what a count of none rests on,
        ``r`` derived correlation and its bounds, ``add_on`` that needling was what was added.
        """
        cells = {**USUAL, "study_id": name, "label": name, "title": f"trial {name}", **also}
        split = cells["design"] == "rct_split_body"
        added = cells.get("add_on", False)
        cells |= {"split_body": "yes" if split else "no", "measure": measure, "claim_id": claim}
        cells |= {"better": cells["orientation"].removeprefix("treated_better_if_")}
        cells |= {"modality": "combination"} if added else {}
        treatment = "combination" if added else "needling"
        self.row("studies", **cells)
        self.row("arms", **{**cells, "arm_id": "a", "label": "needled", "treatment": treatment})
        for end, arm, figures in self._ends(treated, reference, before):
            if end == "reference":
                given = {"arm_id": "b", "label": cells.get("given", "other"), "device": "none"}
                given |= {"treatment": cells.get("other", "untreated"), "adjunct": "none"}
                self.row("arms", **{**cells, "adjunct_detail": "", **given})
            place = {"outcome_id": f"{name}.{end}", "arm_id": arm}
            place["phase"] = "baseline" if end == "treated_baseline" else "end"
            self.row("outcomes", **{**cells, **place, **figures})
            cells[f"{end}_outcome_id"] = f"{name}.{end}"
        paired = "yes" if measure == "smc" or (split and reference) else "no"
        cells |= {"contrast_id": f"c.{name}.{claim}", "paired": paired}
        self.row("add_on" if added else "contrasts", **cells)
        if "basis" in also:
            self.row("zero_basis", outcome_id=f"{name}.treated", basis=also["basis"])
        if "r" in also:
            named = zip(("r_derived", "r_low", "r_high"), also["r"], strict=True)
            self.row("correlations", contrast_id=cells["contrast_id"], how="made", **dict(named))
        return self

    @staticmethod
    def _ends(treated, reference, before):
        ends = (
            ("treated", "a", treated), ("reference", "b", reference),
            ("treated_baseline", "a", before),
        )  # fmt: skip
        return [end for end in ends if end[2] is not None]

    def under(self, claim):
        """Put the study that was added last under another claim, too."""
        last = self.rows["contrasts"][-1]
        return self.row(
            "contrasts",
            **{**last, "claim_id": claim, "contrast_id": f"c.{last['study_id']}.{claim}"},
        )

    def load(self, folder):
        """Write the tables into a folder and load them."""
        for name, spec in extraction.specs().items():
            rows = self.rows[name]
            lines = [[_text(row.get(c)) for c in spec.columns] for row in rows]
            if rows or not spec.may_be_absent:
                text = "\n".join(",".join(line) for line in [list(spec.columns), *lines])
                (folder / spec.file).write_text(text + "\n", encoding="utf-8")
        return load_published(folder)


def _text(value):
    return "" if value is None else str(value)


def groups_of(published, claim):
    """Return the groups of a claim, the deciding one first."""
    frame = contrast_frame(published)
    rows = frame[frame["primary"] & frame["claim_id"].eq(claim)]
    return groups(claim_of(claim), rows, 0.95)


def evidence_of(published, claim):
    """Return all that is gathered on a claim."""
    return claim_evidence(claim_of(claim), contrast_frame(published), published, 0.95)
