"""What characters remember: notebooks, memories, summaries, and how they are found again."""
