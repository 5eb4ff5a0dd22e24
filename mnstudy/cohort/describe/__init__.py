"""Who is in a cohort, what is missing, who was lost: exact counts."""
