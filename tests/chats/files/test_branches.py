"""Folding whole copies of a chat into one tree."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chats.files import ChatFile, FileMessage, Swipe, merge_branches


def chat(title, words, parent=""):
    messages = tuple(
        FileMessage(role="assistant" if place % 2 == 0 else "user", content=word)
        for place, word in enumerate(words)
    )
    return ChatFile(title=title, messages=messages, parent=parent)


def drawn(tree, places=None):
    """The tree as nested lists of texts."""
    return [
        [tree.nodes[place].message.content, *drawn(tree, tree.nodes[place].children)]
        for place in (tree.roots if places is None else places)
    ]


def path(tree, end):
    """The texts from the first message to a node."""
    words = []
    while end is not None:
        words.append(tree.nodes[end].message.content)
        end = tree.nodes[end].parent
    return words[::-1]


def titles(trees):
    return [[one.title for one in tree.files] for tree in trees]


def test_branch_shares_its_beginning():
    (tree,) = merge_branches([chat("b", "axcz", parent="a"), chat("a", "axcy")])

    assert titles([tree]) == [["a", "b"]]
    assert drawn(tree) == [["a", ["x", ["c", ["y"], ["z"]]]]]
    assert [path(tree, end) for end in tree.ends] == [list("axcy"), list("axcz")]


def test_branch_of_a_branch_and_a_branch_that_changed_the_beginning():
    (tree,) = merge_branches(
        [chat("c", "abd", parent="b"), chat("a", "ab"), chat("b", "abc", "a"), chat("d", "xb", "a")]
    )

    assert titles([tree]) == [["a", "b", "d", "c"]]
    assert drawn(tree) == [["a", ["b", ["c"], ["d"]]], ["x", ["b"]]]


def test_chats_that_are_nobodys_branch_stay_apart():
    files = [chat("a", "x"), chat("b", "x"), chat("", "x"), chat("", "x")]

    assert titles(merge_branches(files)) == [["a"], ["b"], [""], [""]]


def test_branches_of_a_missing_chat_belong_together():
    files = [
        chat("a", "xy", "gone"),
        chat("b", "q"),
        chat("c", "xz", "gone"),
        chat("d", "x", "other"),
    ]

    assert titles(merge_branches(files)) == [["a", "c"], ["b"], ["d"]]


def test_chats_that_call_one_another_parent_are_one_tree():
    files = [chat("c", "x", "a"), chat("a", "x", "b"), chat("b", "x", "a"), chat("s", "x", "s")]

    assert sorted(map(sorted, titles(merge_branches(files)))) == [["a", "b", "c"], ["s"]]


def test_swipes_become_siblings_and_a_branch_may_choose_another():
    swipes = (Swipe(content="one"), Swipe(content="two", extra={"model": "m"}))
    first = FileMessage(role="assistant", content="one", swipes=swipes, extra={"own": 1})
    other = msgspec.structs.replace(first, content="two", swipe_index=1)
    after = FileMessage(role="user", content="next")
    files = [
        ChatFile(title="a", messages=(first, after)),
        ChatFile(title="b", messages=(other, after), parent="a"),
    ]

    (tree,) = merge_branches(files)

    assert drawn(tree) == [["one", ["next"]], ["two", ["next"]]]
    assert [path(tree, end) for end in tree.ends] == [["one", "next"], ["two", "next"]]
    assert [tree.nodes[place].message.extra for place in tree.roots] == [{"own": 1}, {"model": "m"}]
    assert all(node.message.swipes == () for node in tree.nodes)


def test_same_words_of_another_speaker_are_another_message():
    one = FileMessage(role="assistant", name="Luna", content="Hi")
    two = msgspec.structs.replace(one, name="Sol")
    (tree,) = merge_branches(
        [ChatFile(title="a", messages=(one,)), ChatFile(title="b", messages=(two,), parent="a")]
    )

    assert len(tree.roots) == 2


def test_empty_chat_has_no_end():
    (tree,) = merge_branches([chat("a", "")])

    assert (tree.ends, tree.nodes, merge_branches([])) == ([None], [], [])


PARENTS = st.sampled_from(["", *"abcdef"])
FILES = st.builds(chat, st.sampled_from("abcde"), st.text("xyz", max_size=5), PARENTS)


@given(st.lists(FILES, max_size=6))
def test_no_message_of_any_file_is_lost(files):
    trees = merge_branches(files)

    assert sorted(name for names in titles(trees) for name in names) == sorted(
        one.title for one in files
    )
    for tree in trees:
        said = [[message.content for message in one.messages] for one in tree.files]
        assert [path(tree, end) for end in tree.ends] == said
        siblings = [tree.roots, *(node.children for node in tree.nodes)]
        assert sorted(place for places in siblings for place in places) == list(
            range(len(tree.nodes))
        )
