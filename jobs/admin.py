"""The operators' page of jobs: how old, how often tried, what went wrong; and trying again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timesince import timesince

from core.admin import ReadOnlyAdmin
from jobs.models import Job
from jobs.queue import retry


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("kind", "key", "user", "state", "age", "attempts", "progress", "said")
    list_select_related = ("user",)
    list_filter = ("state", "kind")
    search_fields = ("uid", "key", "user__handle")
    exclude = ("payload", "claim")
    actions = ("run_again",)

    @admin.display(description="age", ordering="created_at")
    def age(self, job: Job) -> str:
        return timesince(job.created_at)

    @admin.display(description="steps")
    def progress(self, job: Job) -> str:
        return f"{job.done} of {job.total}" if job.total else ""

    @admin.display(description="error or note")
    def said(self, job: Job) -> str:
        return job.error or job.note

    def has_run_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Run again", permissions=["run"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        count = sum(retry(job.uid) for job in queryset)
        self.message_user(request, f"{count} jobs wait to run again.")
