"""Turns without an event loop: a message, a reply, another version, and what was sent."""

from chats import closing, memorising, opening, services
from chats.models import Chat, Message, Turn
from chats.values import Outcome, Request


def opened(user, chat, content="", *, message="", kind=Turn.Kind.REPLY):
    request = Request(user=user, surface="web", kind=kind)
    return opening.open_in_chat(request, chat.uid, content, message)


def closed(turn, text="Well."):
    """End a turn with this reply. Returns the reply."""
    outcome = Outcome(
        text=text,
        reasoning="",
        state=Turn.State.DONE,
        finish_reason="stop",
        prompt_tokens=10,
        completion_tokens=2,
    )
    closing.close_turn(turn, outcome)
    return Message.objects.filter(uid=turn.reply_uid).first()


def say(chat, text="Hello.", answer="Well."):
    """One turn. Returns the person's message and the reply."""
    turn = opened(chat.user, chat, text)
    reply = closed(turn, answer)
    return Message.objects.get(uid=turn.user_message_uid), reply


def fill(chat, count, text="Line {n} of a long night by the lamp of the harbour."):
    """Let a chat have so many messages."""
    have = memorising.length_of(chat.uid)
    parent = Message.objects.filter(chat=chat, active=True).order_by("-position").first()
    rows = []
    for n in range(have, count):
        parent = Message(
            chat=chat,
            parent=parent,
            position=n,
            role="user" if n % 2 else "assistant",
            content=text.format(n=n),
        )
        rows.append(parent)
    Message.objects.bulk_create(rows)
    services.touch(chat)
    return reread(chat)


def again(chat, message="", answer="Otherwise."):
    """Another version of a reply."""
    return closed(opened(chat.user, chat, message=message, kind=Turn.Kind.REGENERATE), answer)


def sent(turn):
    """All that is sent, as one text."""
    return "\n".join(message.content for message in turn.generation.messages)


def asked(chat, text="And now?"):
    """What would be sent for this message. Nothing of it stays."""
    turn = opened(chat.user, chat, text)
    closed(turn, "")
    Message.objects.filter(uid=turn.user_message_uid).delete()
    return sent(turn)


def path(chat):
    """The uids of what is shown."""
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    return list(rows.values_list("uid", flat=True))


def reread(chat):
    return Chat.objects.select_related("notebook", "character", "user").get(uid=chat.uid)
