"""Which language models there are: providers, models and how to reach them."""
