"""Credits that somebody else takes while a turn opens, after its account was read."""

import pytest
from django.db.models import F

from accounts.models import User
from billing import ledger
from billing.invariants import check
from billing.limits.admission import Admission
from billing.models import Account, Hold
from chats import services
from chats.inbound import Inbound, open_inbound
from chats.models import Message, Turn
from chats.opening import Busy, open_in_chat
from chats.sync import Line
from chats.values import Opened, Request

pytestmark = pytest.mark.django_db(transaction=True)


class Robbed(Admission):
    """All credits are gone once the turn may begin."""

    def begin(self, user, *, free):
        super().begin(user, free=free)
        Account.objects.filter(user=user).update(held_micro=F("balance_micro"))


@pytest.fixture
def chat(owner, luna, provider):
    ledger.get_account(owner.pk)
    return services.start_chat(user=owner, character=luna, greet=False)


@pytest.fixture(params=["page", "wire"])
def opens(request, chat, secret):
    """Opens a turn in the chat on one of the surfaces."""

    def on_page(admission):
        user = User.objects.select_related("account__plan").get(pk=chat.user_id)
        return open_in_chat(Request(user=user, surface="web", admission=admission), chat.uid, "Hi")

    def on_wire(admission):
        said = {"lines": [Line("user", "Hi")], "messages": (), "chat": chat.uid}
        return open_inbound(
            Inbound(secret=secret, ip=None, model="Luna", admission=admission, **said)
        )

    return {"page": on_page, "wire": on_wire}[request.param]


def test_the_opening_is_as_if_it_had_not_been_and_may_be_tried_again(opens, chat):
    with pytest.raises(Busy) as refused:
        opens(Robbed())

    assert (refused.value.status, Turn.objects.count(), Message.objects.count()) == (409, 0, 0)
    chat.refresh_from_db()
    assert (chat.turn, Hold.objects.count(), Account.objects.get().held_micro) == ("", 0, 0)
    assert isinstance(opens(Admission()), Opened)
    assert check() == []
