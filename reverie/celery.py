"""The Celery application. The row is the truth; a message only wakes somebody up."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")

app = Celery("reverie")
app.set_default()  # also for the threads that ask for work
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
