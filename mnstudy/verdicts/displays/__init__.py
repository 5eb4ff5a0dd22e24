"""What figures show of a cohort: numbers from the rows behind an estimate."""
