"""Portraits. Their names carry a digest, so a browser may keep them for ever."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from core.pictures import avatar_path
from web.gate import PageRequest, anyone


@require_safe
@anyone
def avatar(request: PageRequest, name: str) -> HttpResponse:
    return HttpResponse(
        avatar_path(name).read_bytes(),
        content_type="image/webp",
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
