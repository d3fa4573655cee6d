"""Characters and their scenarios, the cards they come from, and per-user preferences."""
