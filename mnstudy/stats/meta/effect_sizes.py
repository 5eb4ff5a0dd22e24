"""Effect sizes with sampling variances, study by study, ready for ``pool``.

Every function takes one value or one list of values per argument and gives an ``EffectSizes``.
Differences are always first minus second: treated minus control, after minus before. Missing
values are refused by name, never dropped.

============================  ==================================================  ==============
function                      effect                                              metafor
============================  ==================================================  ==============
``standardised_mean_change``  one group before and after, in SD                   SMCR, SMCC
``hedges_g``                  two groups, in pooled SD                            SMD
``hedges_g_paired``           two sides of the same patients, in pooled SD        none in 3.8
``mean_difference``           two groups or the same patients, in points          MD, MC
``single_mean``               one mean                                            MN
``mean_percent_change``       change of the mean in percent                       ROMC, in percent
``log_odds_ratio``            two groups or the same patients                     OR, MPORM
``risk_difference_effect``    two groups or the same patients                     RD, MPRD
``logit_proportion``          one proportion, log odds                            PLO
``arcsine_proportion``        one proportion, arcsine                             PFT, PAS
============================  ==================================================  ==============
"""

from __future__ import annotations

from mnstudy.stats.meta.effect_counts import log_odds_ratio, risk_difference_effect
from mnstudy.stats.meta.effect_means import mean_difference, mean_percent_change, single_mean
from mnstudy.stats.meta.effect_proportions import (
    arcsine_proportion,
    logit_proportion,
    proportion_from_arcsine,
    proportion_from_logit,
)
from mnstudy.stats.meta.effect_result import EffectSizes
from mnstudy.stats.meta.effect_standardised import (
    hedges_g,
    hedges_g_paired,
    standardised_mean_change,
)

__all__ = [
    "EffectSizes",
    "arcsine_proportion",
    "hedges_g",
    "hedges_g_paired",
    "log_odds_ratio",
    "logit_proportion",
    "mean_difference",
    "mean_percent_change",
    "proportion_from_arcsine",
    "proportion_from_logit",
    "risk_difference_effect",
    "single_mean",
    "standardised_mean_change",
]
