"""Numbers: arrays in, small frozen results out; no column name and no claim is known here."""

from __future__ import annotations

import importlib
from typing import Any

# Module, imported on first use, and the public names that live in it.
_MODULES = {
    "mixed.model": "random_intercept random_intercept_batch mixed_model linear_model",
    "mixed.nested": "nested_intercepts",
    "mixed.comparisons": (
        "arm_difference welch_difference paired_difference before_after ancova within_between "
        "heterogeneity"
    ),
    "mixed.cluster_robust": "cluster_robust",
    "mixed.visits": "visit_model",
    "meta.pooling": "pool leave_one_out tau_prior_scale",
    "meta.small_studies": "egger",
    "ordinal.model": "proportional_odds",
    "ordinal.proportionality": "proportionality",
    "ordinal.transitions": "grade_transitions",
    "measurement.reliability": "icc measurement_error smallest_detectable_change",
    "measurement.regression_to_mean": "expected_regression mee_chua",
    "measurement.truncated_selection": "truncated_normal",
    "measurement.skewed_mean": "skewed_mean",
    "missing.imputation": "impute_clustered pool_imputations",
    "resampling.sign_flip": "score_parts joint_sign_flip",
    "ranks.signed_rank": "signed_rank",
    "ranks.hodges_lehmann": "hodges_lehmann",
    "ranks.superiority": "brunner_munzel probability_of_superiority",
    "counts.proportions": "proportion clustered_proportion nnt",
    "counts.two_groups": "risk_difference risk_ratio",
    "meta.effect_sizes": (
        "standardised_mean_change hedges_g hedges_g_paired mean_difference single_mean "
        "mean_percent_change correlation_from_change_sd correlation_from_paired_p"
    ),
    "meta.effect_counts": (
        "log_odds_ratio risk_difference_effect arcsine_proportion pool_rates pool_counts "
        "correlation_bounds_of_counts feasible_correlation"
    ),
    "missing.interval_censored": "turnbull share_by",
    "missing.interval_mean": "mean_of_intervals mean_bounds",
    "meta.meta_regression": "regress_effects",
    "multiplicity": "holm bonferroni_level",
    "meta.directions": "direction_share contour_n",
    "measurement.consistency": "grim grimmer percent_agrees spread_is_se",
    "measurement.consistency_p": "p_from_interval p_from_change p_from_arms",
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mnstudy.stats' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"mnstudy.stats.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
