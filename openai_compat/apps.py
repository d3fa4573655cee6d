from django.apps import AppConfig


class OpenaiCompatConfig(AppConfig):
    name = "openai_compat"
    default_auto_field = "django.db.models.BigAutoField"
