"""One run of a report: what is worked out, where, and what is kept."""
