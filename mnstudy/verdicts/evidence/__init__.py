"""What the published studies say: groups, effects, certainty, directions."""
