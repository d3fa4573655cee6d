from django.apps import AppConfig


class ReverieConfig(AppConfig):
    name = "reverie"

    def ready(self) -> None:
        from reverie import checks  # noqa: F401, PLC0415 - registers them
