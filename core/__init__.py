"""Shared building blocks. Depends on nothing else of ours and owns no tables."""
