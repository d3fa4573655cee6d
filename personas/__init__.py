"""Personas: who people are when they talk to a character."""
