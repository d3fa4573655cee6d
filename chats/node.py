"""This process among others: its id, so that a turn can be reached wherever it runs."""

from typing import Final

from core.ids import new_uid

NODE: Final = new_uid()


def group_of(node: str) -> str:
    """The channel group on which the process `node` takes orders."""
    return f"node.{node}"
