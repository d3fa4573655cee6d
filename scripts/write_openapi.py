"""Writes the OpenAPI document that is served at /api/openapi.json to docs/api/openapi.json."""

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def document() -> str:
    """The document as text, in the form that is committed."""
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415 - after the set-up

    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")
    import django  # noqa: PLC0415 - after the path

    django.setup()
    target = ROOT / "docs" / "api" / "openapi.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
