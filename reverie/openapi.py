"""One OpenAPI document: the resource API's, with the wire protocols merged in."""

import json
from typing import Any

from openai_compat.urls import APIS

_PREFIX = "Wire"


def merge_wire_protocols(
    result: dict[str, Any],
    generator: Any,
    request: Any,
    public: bool,
) -> dict[str, Any]:
    """Add the wire's paths and schemas. Raises ValueError if anything would be overwritten."""
    for mount, api in APIS.items():
        document = json.loads(json.dumps(api.get_openapi_schema(path_prefix=f"/{mount.value}/")))
        _add(result.setdefault("paths", {}), _renamed(document["paths"]))
        components = result.setdefault("components", {})
        schemas = _renamed(document["components"]["schemas"])
        _add(
            components.setdefault("schemas", {}),
            {f"{_PREFIX}{name}": schema for name, schema in schemas.items()},
            shared=True,
        )
    return result


def _renamed(part: Any) -> Any:
    """The same with every reference pointing at the prefixed schema names."""
    text = json.dumps(part).replace("#/components/schemas/", f"#/components/schemas/{_PREFIX}")
    return json.loads(text)


def _add(target: dict[str, Any], new: dict[str, Any], *, shared: bool = False) -> None:
    for name, value in new.items():
        if name in target and not (shared and target[name] == value):
            raise ValueError(f"{name} is in the OpenAPI document twice")
        target[name] = value
