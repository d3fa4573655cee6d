"""Conversations: the message tree, turns, synchronisation and live events."""
