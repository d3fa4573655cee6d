"""The OpenAI wire protocol over our own services. No models here."""
