"""The one OpenAPI document: valid, committed as it is served, and complete."""

import json

import pytest
from openapi_spec_validator import validate

from scripts.write_openapi import document
from tests.journeys.house import ROOT

SNAPSHOT = ROOT / "docs" / "api" / "openapi.json"


def test_document_is_the_committed_one():
    assert document() == SNAPSHOT.read_text(encoding="utf-8"), "run `make openapi`"


def test_document_is_valid_openapi():
    validate(json.loads(document()))


def test_operation_ids_are_unique():
    paths = json.loads(document())["paths"]
    ids = [
        operation["operationId"]
        for path in paths.values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]

    assert len(ids) == len(set(ids))


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/openapi.json", "/openapi.json"])
def test_document_is_served(client, address):
    served = client.get(address).json()

    assert sorted(served["paths"]) == sorted(json.loads(document())["paths"])
    for prefix in ("/api/device/v1", "/v1", "/api/openai/v1"):
        assert f"{prefix}/chat/completions" in served["paths"]
