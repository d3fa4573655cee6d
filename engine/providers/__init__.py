"""Adapters to upstream models. Each turns one dialect into the engine's events."""
