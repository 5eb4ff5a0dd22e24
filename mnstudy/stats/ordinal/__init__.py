"""Grades: proportional odds, its assumption, transitions."""
