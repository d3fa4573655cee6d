"""Everything about connections holds under both event loops: the server's and Python's own."""

import asyncio
import gc

import pytest
import uvloop

from core import http
from tests.fakes.raw_server import serving


def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def quiet_loop():
    """Fails if the loop has anything to complain about in the end, or a task is left over."""
    loop = asyncio.get_running_loop()
    complaints = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    before = asyncio.all_tasks()
    yield
    await http.aclose()
    await asyncio.sleep(0.01)
    gc.collect(1)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert (complaints, left) == ([], set())


@pytest.fixture
async def server(quiet_loop):
    async with serving() as found:
        yield found
        await http.aclose()
        await asyncio.sleep(0.01)
