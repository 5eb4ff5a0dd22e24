"""Sign flips of whole patients."""
