"""Numbers: arrays in, small frozen results out; no column name and no claim is known here."""

from __future__ import annotations

import importlib
from typing import Any

# Public name: the module it lives in, imported on first use.
_PUBLIC = {
    "random_intercept": "mixed.model",
    "random_intercept_batch": "mixed.model",
    "mixed_model": "mixed.model",
    "nested_intercepts": "mixed.nested",
    "arm_difference": "mixed.comparisons",
    "paired_difference": "mixed.comparisons",
    "before_after": "mixed.comparisons",
    "ancova": "mixed.comparisons",
    "within_between": "mixed.comparisons",
    "heterogeneity": "mixed.comparisons",
    "cluster_robust": "mixed.cluster_robust",
    "pool": "meta.pooling",
    "leave_one_out": "meta.pooling",
    "egger": "meta.small_studies",
    "correlation_grid": "meta.pooling",
    "proportional_odds": "ordinal.model",
    "proportionality": "ordinal.proportionality",
    "grade_transitions": "ordinal.transitions",
    "icc": "measurement.reliability",
    "measurement_error": "measurement.reliability",
    "smallest_detectable_change": "measurement.reliability",
    "weighted_kappa": "measurement.kappa",
    "share_beyond_noise": "measurement.reliability",
    "expected_regression": "measurement.regression_to_mean",
    "range_over": "measurement.regression_to_mean",
    "mee_chua": "measurement.regression_to_mean",
    "truncated_normal": "measurement.truncated_selection",
    "impute_clustered": "missing.imputation_draws",
    "pool_imputations": "missing.imputation",
    "cluster_bootstrap": "resampling.bootstrap",
    "sign_flip": "resampling.permutation",
    "permute_arms": "resampling.permutation",
    "patient_scores": "resampling.sign_flip",
    "score_parts": "resampling.sign_flip",
    "joint_sign_flip": "resampling.sign_flip",
    "signed_rank": "ranks.signed_rank",
    "hodges_lehmann": "ranks.hodges_lehmann",
    "brunner_munzel": "ranks.superiority",
    "probability_of_superiority": "ranks.superiority",
    "proportion": "counts.proportions",
    "risk_difference": "counts.two_groups",
    "risk_ratio": "counts.two_groups",
    "nnt": "counts.proportions",
    "exact_mcnemar": "counts.pairs",
    "zero_event_limit": "counts.proportions",
    "standardised_mean_change": "meta.effect_sizes",
    "hedges_g": "meta.effect_sizes",
    "hedges_g_paired": "meta.effect_sizes",
    "mean_difference": "meta.effect_sizes",
    "single_mean": "meta.effect_sizes",
    "mean_percent_change": "meta.effect_sizes",
    "log_odds_ratio": "meta.effect_counts",
    "risk_difference_effect": "meta.effect_counts",
    "logit_proportion": "meta.effect_counts",
    "arcsine_proportion": "meta.effect_counts",
    "turnbull": "missing.interval_censored",
    "share_by": "missing.interval_censored",
    "mean_of_intervals": "missing.interval_mean",
    "mean_bounds": "missing.interval_mean",
    "regress_effects": "meta.meta_regression",
    "holm": "multiplicity",
    "bonferroni_level": "multiplicity",
    "sidak_level": "multiplicity",
    "direction_share": "meta.directions",
    "combine_one_sided": "meta.directions",
    "contour_n": "meta.directions",
    "grim": "measurement.consistency",
    "grimmer": "measurement.consistency",
    "percent_agrees": "measurement.consistency",
    "spread_is_se": "measurement.consistency",
    "p_from_interval": "measurement.consistency_p",
    "p_from_change": "measurement.consistency_p",
    "p_from_arms": "measurement.consistency_p",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mnstudy.stats' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"mnstudy.stats.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
