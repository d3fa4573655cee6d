"""The tables that every reply writes to have no index that another one serves for."""

import pytest
from django.db import connection

from billing.models import Charge, Hold, LedgerEntry, Usage
from chats.models import Chat, Message, Turn
from jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [Chat, Message, Turn, Hold, LedgerEntry, Charge, Usage, Job])
def test_no_index_is_the_beginning_of_another(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    partial = {index.name for index in model._meta.indexes if index.condition}
    columns = {
        name: tuple(one["columns"])
        for name, one in found.items()
        if one["index"] or one["unique"] or one["primary_key"]
        if name not in partial and not name.endswith("_like")
    }

    needless = [
        (name, other)
        for name, mine in columns.items()
        for other, theirs in columns.items()
        if name != other and theirs[: len(mine)] == mine
    ]

    assert needless == []


@pytest.mark.parametrize("model", [Chat, Message, Turn, Hold, Charge, Usage, Job])
def test_none_is_for_how_texts_begin(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)

    assert [name for name in found if name.endswith("_like")] == []
