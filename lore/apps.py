from django.apps import AppConfig


class LoreConfig(AppConfig):
    name = "lore"
    default_auto_field = "django.db.models.BigAutoField"
