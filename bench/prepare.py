"""Fills a fresh house with what a turn meets in life: lanes with chats of 40 messages."""

import os
import sys

LANES = 50
MESSAGES = 40


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")
    import django

    django.setup()
    from accounts.keys import issue_key
    from accounts.models import User
    from billing.models import Plan
    from characters.models import Character
    from chats.models import Chat, Message
    from core.ids import new_uid

    # Limits are counted and never reached.
    Plan.objects.create(
        slug="bench", name="Bench", is_default=True, requests_per_minute=10**6, concurrency=10**4
    )
    owner = User.objects.get(handle="owner")
    luna = Character.objects.get(name="Luna", owner=owner)
    key, secret = issue_key(user=owner, name="bench")
    rows = []
    for lane in range(LANES):
        chat = Chat.objects.create(
            user=owner, character=luna, api_key=key, lane_key=f"{key.uid}:{luna.uid}:-:lane{lane}"
        )
        parent = None
        for position in range(MESSAGES):
            parent = Message(
                uid=new_uid(),
                chat=chat,
                parent=parent,
                position=position,
                role="user" if position % 2 else "assistant",
                content=f"Message {position}: the rain keeps on and nobody minds it much. " * 3,
            )
            rows.append(parent)
    Message.objects.bulk_create(rows, batch_size=500)
    sys.stdout.write(f"{secret}\n")


if __name__ == "__main__":
    main()
