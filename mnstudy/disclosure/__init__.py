"""Disclosure: what may leave."""
