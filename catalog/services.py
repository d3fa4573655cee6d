"""What all listed things have in common: tags and who may see them."""

from collections.abc import Iterable

from catalog.models import Project, Tag
from core.text import clean

TAGS_MOST = 40
TAG_CHARS = 80


def set_tags(project: Project, names: Iterable[str]) -> None:
    """Give a project exactly these tags, in lower case, blanks folded, doubles once."""
    wanted = list(
        dict.fromkeys(
            text for name in names if (text := " ".join(clean(name).split()).lower()[:TAG_CHARS])
        )
    )[:TAGS_MOST]
    project.tags.set([Tag.objects.get_or_create(namespace="", name=name)[0] for name in wanted])
