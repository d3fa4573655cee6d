"""Lorebooks in the resource API: kept, changed, and tried on a text."""
