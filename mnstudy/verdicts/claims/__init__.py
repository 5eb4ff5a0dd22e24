"""The register of claims, a study's own claims, their settings and plan."""
