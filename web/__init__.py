"""The pages people use. No models here."""
