"""Printed tables: CSV, HTML, LaTeX, Word."""
