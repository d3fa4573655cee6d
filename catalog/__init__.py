"""The listing row that characters (and later lorebooks) share, and its tags."""
