"""The operators' page of jobs."""

import pytest

from jobs.models import Job
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/admin/jobs/job/"


@pytest.fixture
def job(owner):
    return Job.objects.create(
        kind="extract",
        key="c1",
        user=owner,
        state="failed",
        attempts=3,
        done=2,
        total=9,
        error="No such model.",
        payload={"to": 771144},
    )


def test_list_tells_how_a_job_stands(client, staff, job):
    client.force_login(staff)

    text = client.get(PAGE).content.decode()

    for said in ("extract", "failed", "2 of 9", "No such model.", "owner"):
        assert said in text
    assert "771144" not in client.get(f"{PAGE}{job.uid}/change/").content.decode()


def test_run_again_puts_failed_jobs_back(client, staff, job):
    client.force_login(staff)

    client.post(PAGE, {"action": "run_again", "_selected_action": [job.uid]})

    job.refresh_from_db()
    assert (job.state, job.error, job.attempts) == ("queued", "", 0)


def test_run_again_is_for_superusers(client, job):
    from django.contrib.auth.models import Permission

    clerk = UserFactory(handle="clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(clerk)

    client.post(PAGE, {"action": "run_again", "_selected_action": [job.uid]})

    job.refresh_from_db()
    assert job.state == "failed"
