"""Characters to take home, as the cards that other programs read."""

from pathlib import PurePath
from typing import Final

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from characters.export import export_character
from characters.models import CardOriginal
from characters.queries import get_owned
from core.errors import NotFound
from web.gate import MemberRequest, member

# Ending and media type of each form; an original has its own.
_FORMS: Final = {
    "png": ("png", "image/png"),
    "charx": ("charx", "application/zip"),
    "v3": ("json", "application/json"),
    "v2": ("json", "application/json"),
    "original": ("", "application/octet-stream"),
}


@require_safe
@member
def export(request: MemberRequest, uid: str, form: str) -> HttpResponse:
    """One of the person's characters as a card file."""
    character = get_owned(request.user, uid)
    if form not in _FORMS:
        raise NotFound(
            "A card is exported as png, charx, v3, v2 or original.", code="form_not_found"
        )
    data = export_character(character, form)
    ending, media_type = _FORMS[form]
    name = f"{character.name}.{ending}"
    if form == "original":
        kept = CardOriginal.objects.filter(character=character).values_list("filename", flat=True)
        name = PurePath(kept.first() or character.name).name
    response = HttpResponse(data, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response
