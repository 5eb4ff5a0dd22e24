"""Numbers: arrays in, small frozen results out; no column name and no claim is known here."""
