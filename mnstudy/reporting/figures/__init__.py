"""Figures: they draw what a finding or a display holds and compute nothing."""
