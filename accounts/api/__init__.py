"""What the resource API of every app shares: who asks, and how refusals look."""
