"""Linear mixed models by REML with small-sample degrees of freedom, and CR2 errors."""
