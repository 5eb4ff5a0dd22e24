"""What a study file declares: design, plan, selection, measures of its own."""
