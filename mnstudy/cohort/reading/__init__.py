"""From a file to a sheet: every cell with its row, and everything that was not read."""
