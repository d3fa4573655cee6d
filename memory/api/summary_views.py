"""The resource API's views of summaries."""

from django.core.paginator import Paginator
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from memory import queries, revising
from memory.api.serializers import (
    SummaryChangeSerializer,
    SummaryListSerializer,
    SummaryQuerySerializer,
    SummarySerializer,
)
from memory.api.views import asked


class SummariesView(APIView):
    @extend_schema(
        operation_id="list_summaries",
        parameters=[SummaryQuerySerializer],
        responses=SummaryListSerializer,
        tags=["memory"],
    )
    def get(self, request: Request) -> Response:
        """The summaries of all branches of a chat, or with `live` of those shown or hidden."""
        given = asked(SummaryQuerySerializer, request.query_params)
        rows = queries.summaries_of(user_of(request), given["chat"])
        if given["live"] is not None:
            rows = rows.filter(live=given["live"])
        found = Paginator(rows, given["limit"])
        page = given["page"]
        body = {
            "summaries": found.page(page).object_list if page <= found.num_pages else [],
            "count": found.count,
            "page": page,
            "pages": found.num_pages,
            "limit": given["limit"],
        }
        return Response(SummaryListSerializer(body).data)


class SummaryView(APIView):
    @extend_schema(operation_id="get_summary", responses=SummarySerializer, tags=["memory"])
    def get(self, request: Request, summary_id: str) -> Response:
        """One summary."""
        return Response(SummarySerializer(queries.get_summary(user_of(request), summary_id)).data)

    @extend_schema(
        operation_id="change_summary",
        request=SummaryChangeSerializer,
        responses=SummarySerializer,
        tags=["memory"],
    )
    def patch(self, request: Request, summary_id: str) -> Response:
        """Change what is sent. Who rewrites a summary is its author from then on."""
        given = asked(SummaryChangeSerializer, request.data)
        summary = queries.get_summary(user_of(request), summary_id)
        with transaction.atomic():
            if "text" in given:
                revising.revise(summary, given["text"])
            if "pinned" in given:
                revising.pin(summary, given["pinned"])
        return Response(SummarySerializer(summary).data)

    @extend_schema(operation_id="delete_summary", responses={204: None}, tags=["memory"])
    def delete(self, request: Request, summary_id: str) -> Response:
        """Delete a summary. If the chat still sums up, its messages are summed up anew."""
        revising.discard(queries.get_summary(user_of(request), summary_id))
        return Response(status=204)
