"""Work that goes on behind the pages: rows that say what is to be done, and who is at it."""
