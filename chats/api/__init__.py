"""Conversations in the resource API: turns that can be taken up again, and the trash."""
