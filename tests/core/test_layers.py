"""Who may listen: known for the layer of one process, not for that of many."""

from channels.layers import InMemoryChannelLayer

from core.layers import LoopSafeInMemoryChannelLayer, may_listen


async def test_a_group_without_members_has_nobody_to_tell():
    here = LoopSafeInMemoryChannelLayer()

    assert not may_listen(here, "chat.a")
    await here.group_add("chat.a", "page")
    assert may_listen(here, "chat.a")
    assert not may_listen(here, "chat.b")
    await here.group_discard("chat.a", "page")
    assert not may_listen(here, "chat.a")


def test_other_layers_may_have_listeners_elsewhere():
    assert may_listen(InMemoryChannelLayer(), "chat.a")
