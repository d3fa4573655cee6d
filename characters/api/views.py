"""The resource API's views of how a person likes a character to answer."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from accounts.models import User
from characters.api.serializers import PreferencesSerializer, PreferencesWriteSerializer
from characters.models import Character, CharacterPreference
from characters.preferences import change_preference, preference_of, problem_of
from characters.queries import get_by_any_id


def _told(user: User, preference: CharacterPreference) -> Response:
    slug = preference.model.slug if preference.model else ""
    body = {
        "model": slug,
        "model_problem": problem_of(user, slug) if slug else "",
        "nsfw_intensity": preference.nsfw_intensity,
        "narration_style": preference.narration_style,
        "response_length": preference.response_length,
    }
    return Response(PreferencesSerializer(body).data)


def _character(request: Request, character_id: str) -> Character:
    return get_by_any_id(user_of(request), character_id)


class PreferencesView(APIView):
    @extend_schema(
        operation_id="get_character_preferences",
        responses=PreferencesSerializer,
        tags=["character"],
    )
    def get(self, request: Request, character_id: str) -> Response:
        """How one likes this character to answer: which model, how bold, how long."""
        user = user_of(request)
        return _told(user, preference_of(user, _character(request, character_id)))

    @extend_schema(
        operation_id="update_character_preferences",
        request=PreferencesWriteSerializer,
        responses=PreferencesSerializer,
        tags=["character"],
    )
    def put(self, request: Request, character_id: str) -> Response:
        """Change the fields that are sent and no others. It holds in all one's chats with it."""
        user, character = user_of(request), _character(request, character_id)
        asked = PreferencesWriteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        change_preference(user=user, character=character, **asked.validated_data)
        return _told(user, preference_of(user, character))
