"""Texts to vectors whose angle tells how alike two texts are in meaning. No Django, no storage."""
