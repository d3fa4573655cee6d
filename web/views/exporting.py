"""Chats to take home."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from chats import queries
from chats.exporting import export_for, export_jsonl, export_text, export_zip, filename_of
from chats.models import Chat
from core.errors import NotFound
from core.hop import hop
from web.gate import MemberRequest, amember

BLOCK_BYTES: Final = 64 * 1024
_END: Final = object()
_LINES: Final[dict[str, tuple[Callable[[Chat], Iterator[bytes]], str, str]]] = {
    "jsonl": (export_jsonl, "jsonl", "application/jsonl"),
    "text": (export_text, "txt", "text/plain; charset=utf-8"),
    "chub": (partial(export_for, "chub"), "chub.jsonl", "application/jsonl"),
    **{
        program: (partial(export_for, program), f"{program}.json", "application/json")
        for program in ("ooba", "agnai", "cai")
    },
}


@require_safe
@amember
async def export(request: MemberRequest, uid: str, form: str) -> HttpResponse:
    """What is shown in one of the forms, or everything as `zip`. Written while it is read."""
    chat = await hop(queries.get_chat, request.user, uid)
    if form == "zip":
        body, ending, media_type = _archived(await _zip(chat)), "zip", "application/zip"
    elif form in _LINES:
        export_lines, ending, media_type = _LINES[form]
        body = _streamed(await hop(export_lines, chat))
    else:
        forms = ", ".join(_LINES)
        raise NotFound(f"A chat is exported as {forms} or zip.", code="form_not_found")
    disposition = content_disposition_header(True, filename_of(chat, ending))
    response = StreamingHttpResponse(body, content_type=media_type)
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    # A streaming response is an HttpResponseBase; to the gate and to Django they are the same.
    return response  # type: ignore[return-value]


async def _streamed(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    while block := await hop(_block, lines):
        yield block


def _block(lines: Iterator[bytes]) -> bytes:
    """The next lines, as many as are worth a packet."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= BLOCK_BYTES:
            break
    return bytes(block)


async def _zip(chat: Chat) -> IO[bytes]:
    """The archive, in a file that is gone when it is closed."""
    file = TemporaryFile()  # noqa: SIM115 - closed when it is sent
    steps = export_zip(chat, file)
    while await hop(next, steps, _END) is not _END:
        pass
    file.seek(0)
    return file


async def _archived(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while block := file.read(BLOCK_BYTES):
            yield block
