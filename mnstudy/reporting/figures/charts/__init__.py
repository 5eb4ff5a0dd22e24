"""Figures of the patients behind an estimate."""
