"""Rank methods: signed rank, Hodges-Lehmann, chance of being better."""
