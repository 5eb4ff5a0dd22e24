"""Rates, differences and ratios of rates, pairs of yes and no."""
