"""The resource API's view of tokens: a key mints one that may do no more than itself."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import samwise
from accounts.api.authentication import key_of
from accounts.models import Scope
from core.errors import Forbidden

_SECONDS_MOST = int(samwise.LIFE_MOST.total_seconds())


class TokenRequestSerializer(serializers.Serializer[Any]):
    """What the token may do, by default all that the key may, and for how many seconds."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.values),
        required=False,
        allow_empty=False,
        max_length=len(Scope.values),
    )
    expires_in = serializers.IntegerField(
        min_value=1,
        max_value=_SECONDS_MOST,
        default=int(samwise.LIFE_USUAL.total_seconds()),
    )


class TokenSerializer(serializers.Serializer[Any]):
    """A token, for the header `samwise` or wherever a key goes. It cannot be had again."""

    token = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class SamwiseView(APIView):
    """Needs no scope of its own: a token gives away nothing that its key does not have."""

    scopes = ()

    @extend_schema(
        operation_id="mint_samwise_token",
        request=TokenRequestSerializer,
        responses=TokenSerializer,
        tags=["user"],
    )
    def post(self, request: Request) -> Response:
        """Mint a short-lived token of the key that asks. It ends with its key at the latest."""
        asked = TokenRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        key = key_of(request)
        if key is None:
            raise Forbidden("A token is minted with an API key.", code="key_required")
        scopes = asked.validated_data.get("scopes")
        minted = samwise.mint(
            key,
            scopes=None if scopes is None else tuple(scopes),
            life=timedelta(seconds=asked.validated_data["expires_in"]),
        )
        response = Response(TokenSerializer(minted).data)
        response["Cache-Control"] = "no-store"
        return response
