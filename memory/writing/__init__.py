"""Writing memories and summaries from what was said: prompts, answers, rules without a model."""
