"""Where a portrait is served."""

import re
from pathlib import Path
from typing import Final

from django.conf import settings

from catalog.models import Project
from characters.portraits import FOLDER
from core.errors import NotFound

_NAME: Final = re.compile(r"[0-9a-f]{24}(-s)?\.webp")


def avatar_url(project: Project, *, small: bool = True) -> str:
    """The address of a project's portrait, or "" if it has none."""
    if not project.avatar:
        return ""
    return f"{settings.MEDIA_URL}{FOLDER}/{project.avatar}{'-s' if small else ''}.webp"


def avatar_path(name: str) -> Path:
    """The file behind a portrait's name. Raises NotFound; no other file can be named."""
    path = Path(settings.MEDIA_ROOT) / FOLDER / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound("There is no such picture.")
    return path
