"""The shipped tables of published studies and the rules they keep."""
