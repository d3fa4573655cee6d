"""Chat files of other programs: reading, writing, folding branches. Pure but for `folder`."""

from chats.files.branches import Node, Tree, merge_branches
from chats.files.others import OTHERS
from chats.files.reading import read_chat
from chats.files.values import ChatFile, FileMessage, Note, Swipe
from chats.files.writing import write_sillytavern, write_text

__all__ = [
    "OTHERS",
    "ChatFile",
    "FileMessage",
    "Node",
    "Note",
    "Swipe",
    "Tree",
    "merge_branches",
    "read_chat",
    "write_sillytavern",
    "write_text",
]
