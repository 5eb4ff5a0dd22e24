"""From a sheet to a cohort: read, check, score, propose a study file."""
