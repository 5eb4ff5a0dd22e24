"""Meaning: the claims, the comparisons that test them, and the verdicts."""
