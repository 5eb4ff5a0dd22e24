"""Effect sizes of studies, pooled."""
