"""Finding again what was said: a lexical retriever without models, network or Django."""

from memory.recall.analysis import analyse
from memory.recall.index import Index
from memory.recall.values import Analysed, Hit, Turn, pack, unpack

__all__ = ["Analysed", "Hit", "Index", "Turn", "analyse", "pack", "unpack"]
