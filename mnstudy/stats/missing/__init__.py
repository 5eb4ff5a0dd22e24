"""Multiple imputation, and values known to an interval only."""
