"""The contract: columns as data, and problems with where they are and how to mend them."""
