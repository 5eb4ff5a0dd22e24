"""Doubts about printed numbers."""
