"""Bootstrap, permutation and sign flips by cluster."""
