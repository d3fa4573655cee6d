"""How well and how fast what was said is found again, beside plain systems and without an LLM."""
