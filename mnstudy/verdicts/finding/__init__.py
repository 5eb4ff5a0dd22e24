"""The finding, pure data, and how an interval is judged."""
