"""Whether a verdict holds under other defensible choices."""
