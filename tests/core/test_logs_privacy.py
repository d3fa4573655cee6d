"""A crash is logged without what people wrote."""

import logging

import pytest
import structlog
from django.test import override_settings

from core import logs


@pytest.fixture
def written(capsys):
    """What a crash with a secret in a local variable leaves on standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    logs.configure({})


@pytest.mark.parametrize("as_json", [True, False])
def test_traceback_shows_no_local_variables(written, as_json):
    with override_settings(LOG_JSON=as_json, LOG_LEVEL="INFO"):
        structlog.reset_defaults()
        logs.configure({})

    def crash() -> None:
        message = "".join(["what somebody", " wrote"])
        raise ValueError(len(message))

    try:
        crash()
    except ValueError:
        structlog.get_logger("tests").exception("crashed")

    said = written()
    assert "ValueError: 19" in said
    assert "what somebody wrote" not in said
