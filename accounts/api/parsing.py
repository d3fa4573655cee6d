"""What clients of the resource API send: JSON, bounded and without what cannot be stored."""

from typing import IO, Any, Final

from rest_framework.parsers import BaseParser

from core.errors import Invalid
from core.jsontext import read_json

BODY_BYTES_MOST: Final = 33 * 1024 * 1024


class JsonParser(BaseParser):
    """Reads the body as JSON. Raises Invalid for one that is too large, too deep or none."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        data = stream.read(BODY_BYTES_MOST + 1)
        if len(data) > BODY_BYTES_MOST:
            limit = BODY_BYTES_MOST // 2**20
            raise Invalid(f"The body is larger than {limit} MB.", code="body_too_large")
        return read_json(data, what="body", notes=[])
