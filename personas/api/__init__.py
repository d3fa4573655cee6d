"""Personas in the resource API."""
