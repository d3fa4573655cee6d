"""Who people are: users, their API keys and one-time sign-in links."""
