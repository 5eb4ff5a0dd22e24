"""Data comes in: the contract, the shipped data sets, intake, privacy, simulation."""
