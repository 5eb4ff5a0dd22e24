"""Measurement error: reliability, agreement, regression to the mean, printed numbers."""
