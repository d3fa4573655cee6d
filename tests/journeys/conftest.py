"""Houses for the journeys: a shared one, and one that a test may kill."""

import pytest

from tests.journeys.house import House, Mock


@pytest.fixture(scope="session")
def mock():
    upstream = Mock()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory, mock):
    """A house whose model is the scripted upstream, free of charge for nobody."""
    place = House(tmp_path_factory.mktemp("house"), REVERIE_LLM=mock.url, REVERIE_LLM_MODEL="mock")
    place.start()
    yield place
    place.stop()


@pytest.fixture
def frail_house(tmp_path, mock):
    """One process without Redis: it knows at its start that nobody else runs its turns."""
    place = House(tmp_path / "house", REVERIE_LLM=mock.url, REVERIE_LLM_MODEL="mock", REDIS_URL="")
    place.start()
    yield place
    place.stop()
