"""Numbers: arrays in, small frozen results out; no column name and no claim is known here."""

from __future__ import annotations

import importlib
from typing import Any

# Public name: the module it lives in, imported on first use.
_PUBLIC = {
    "random_intercept": "mixed",
    "random_intercept_batch": "mixed",
    "mixed_model": "mixed_formula",
    "nested_intercepts": "mixed_nested",
    "arm_difference": "mixed_contrasts",
    "paired_difference": "mixed_contrasts",
    "before_after": "mixed_contrasts",
    "ancova": "mixed_contrasts",
    "within_between": "mixed_contrasts",
    "heterogeneity": "mixed_levels",
    "cluster_robust": "cluster_robust_model",
    "pool": "pooling",
    "leave_one_out": "pooling",
    "egger": "pooling",
    "correlation_grid": "pooling",
    "proportional_odds": "ordinal",
    "proportionality": "ordinal",
    "grade_transitions": "ordinal",
    "icc": "reliability",
    "measurement_error": "reliability",
    "smallest_detectable_change": "reliability",
    "weighted_kappa": "reliability",
    "share_beyond_noise": "reliability",
    "expected_regression": "regression_to_mean",
    "range_over": "regression_to_mean",
    "mee_chua": "beyond_regression",
    "truncated_normal": "truncated_selection",
    "impute_clustered": "imputation",
    "pool_imputations": "imputation",
    "cluster_bootstrap": "resampling",
    "sign_flip": "resampling",
    "permute_arms": "resampling",
    "patient_scores": "sign_flip_scores",
    "score_parts": "sign_flip_scores",
    "joint_sign_flip": "sign_flip_scores",
    "signed_rank": "ranks",
    "hodges_lehmann": "ranks",
    "brunner_munzel": "ranks",
    "probability_of_superiority": "ranks",
    "proportion": "proportions",
    "risk_difference": "proportions",
    "risk_ratio": "risk_ratios",
    "nnt": "proportions",
    "exact_mcnemar": "proportions",
    "zero_event_limit": "proportions",
    "standardised_mean_change": "effect_sizes",
    "hedges_g": "effect_sizes",
    "hedges_g_paired": "effect_sizes",
    "mean_difference": "effect_sizes",
    "single_mean": "effect_sizes",
    "mean_percent_change": "effect_sizes",
    "log_odds_ratio": "effect_sizes",
    "risk_difference_effect": "effect_sizes",
    "logit_proportion": "effect_sizes",
    "arcsine_proportion": "effect_sizes",
    "turnbull": "interval_censored",
    "share_by": "interval_censored",
    "mean_of_intervals": "interval_mean",
    "mean_bounds": "interval_mean",
    "regress_effects": "meta_regression",
    "holm": "multiplicity",
    "bonferroni_level": "multiplicity",
    "sidak_level": "multiplicity",
    "direction_share": "vote_direction",
    "combine_one_sided": "vote_direction",
    "contour_n": "vote_direction",
    "grim": "consistency_grim",
    "grimmer": "consistency_grim",
    "percent_agrees": "consistency",
    "spread_is_se": "consistency",
    "p_from_interval": "consistency_p",
    "p_from_change": "consistency_means",
    "p_from_arms": "consistency_means",
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
