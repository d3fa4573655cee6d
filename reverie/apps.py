from django.apps import AppConfig


class ReverieConfig(AppConfig):
    name = "reverie"
