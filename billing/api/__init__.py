"""Credits in the resource API."""
