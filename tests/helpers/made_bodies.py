"""Bodies of data made by hand, as a report has them."""

from made_findings import HOSTILE, cases, untestable

from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.verdicts.findings import Findings


def body(key, findings, *, heading, synthetic=False):
    return EvidenceSource(
        key=key,
        heading=heading,
        findings=Findings(findings),
        synthetic=synthetic,
        sha256="ab" * 32,
        banner="57 patients",
        facts=(("Data set", heading), ("SHA-256 of the data", "ab" * 32)),
        limits=("depth is <b>not</b> known",),
    )


def bodies():
    some = cases()
    real = [some["levels"], some["limit"], some["hostile name"], untestable()]
    return [
        body("clinic", real, heading=HOSTILE),
        body("trials", [some["forest"]], heading="published trials (real)"),
        body("demo", [some["course"]], heading="demonstration (SYNTHETIC)", synthetic=True),
    ]


def quiet(stage, done, total):
    pass
