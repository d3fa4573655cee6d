"""Lorebooks: what a world knows, and which of it a moment calls to mind."""
