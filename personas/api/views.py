"""The resource API's views of personas."""

from django.core.paginator import Paginator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from personas import services
from personas.api.serializers import (
    PageSerializer,
    PersonaDeletedSerializer,
    PersonaListSerializer,
    PersonaSerializer,
    PersonaWriteSerializer,
)
from personas.models import Persona
from personas.queries import get_numbered, owned_by


def _told(request: Request, persona: Persona) -> Response:
    return Response(PersonaSerializer(persona, context={"request": request}).data)


class PersonasView(APIView):
    @extend_schema(
        operation_id="list_personas",
        parameters=[PageSerializer],
        responses=PersonaListSerializer,
        tags=["persona"],
    )
    def get(self, request: Request) -> Response:
        """One's own personas, by name."""
        asked = PageSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page, limit = asked.validated_data["page"], asked.validated_data["limit"]
        found = Paginator(owned_by(user_of(request)), limit)
        rows = found.page(page).object_list if page <= found.num_pages else []
        body = {
            "personas": rows,
            "count": found.count,
            "page": page,
            "pages": found.num_pages,
            "limit": limit,
        }
        return Response(PersonaListSerializer(body, context={"request": request}).data)

    @extend_schema(
        operation_id="create_persona",
        request=PersonaWriteSerializer,
        responses=PersonaSerializer,
        tags=["persona"],
    )
    def post(self, request: Request) -> Response:
        """A new persona."""
        asked = PersonaWriteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return _told(request, services.create_persona(owner=user_of(request), **asked.values()))


class PersonaView(APIView):
    @extend_schema(operation_id="get_persona", responses=PersonaSerializer, tags=["persona"])
    def get(self, request: Request, persona_id: int) -> Response:
        """One of one's personas."""
        return _told(request, get_numbered(user_of(request), persona_id))

    @extend_schema(
        operation_id="update_persona",
        request=PersonaWriteSerializer(partial=True),
        responses=PersonaSerializer,
        tags=["persona"],
    )
    def put(self, request: Request, persona_id: int) -> Response:
        """Change the fields that are sent and no others."""
        persona = get_numbered(user_of(request), persona_id)
        asked = PersonaWriteSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        return _told(request, services.update_persona(persona=persona, **asked.values()))

    @extend_schema(
        operation_id="delete_persona", responses=PersonaDeletedSerializer, tags=["persona"]
    )
    def delete(self, request: Request, persona_id: int) -> Response:
        """Delete a persona. Chats that wore it go on without it."""
        services.delete_persona(persona=get_numbered(user_of(request), persona_id))
        return Response({"deleted": True})
