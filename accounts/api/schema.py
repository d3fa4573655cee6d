"""How the OpenAPI document describes our keys, and the scope that each operation needs."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.api.permissions import scopes_for

NAME: Final = "apiKey"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "accounts.api.authentication.KeyAuthentication"
    name = NAME

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """One alternative for each scope that will do."""
        scopes = scopes_for(auto_schema.view, auto_schema.method, auto_schema.path)
        return [{NAME: [str(scope)]} for scope in scopes] or [{NAME: []}]

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, `rk_…`, or a short-lived token of one, `sw_…`. The headers"
            " `CH-API-KEY`, `x-api-key` and `samwise` work too. Each operation names the scope"
            " that the key needs.",
        }
