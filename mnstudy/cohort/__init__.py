"""Data comes in: contract, study file, loading, description, published trials, simulation."""
