"""The names of what usage mentions by uid only: characters and keys."""

from collections.abc import Collection

from django.db.models import Q

from accounts.models import ApiKey, User
from characters.models import Character
from characters.queries import visible_to
from chats.models import Chat


def names_of(user: User, uids: Collection[str]) -> dict[str, str]:
    """Of this person's keys, and of characters that they may see or have talked with."""
    if not uids:
        return {}
    keys = ApiKey.objects.filter(user=user, uid__in=uids)
    may_know = Q(pk__in=visible_to(user).values("pk")) | Q(
        pk__in=Chat.objects.filter(user=user).values("character")
    )
    characters = Character.objects.filter(may_know, uid__in=uids)
    return {
        **dict(keys.values_list("uid", "name")),
        **dict(characters.values_list("uid", "name")),
    }
