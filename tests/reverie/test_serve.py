"""`reverie serve`, started as a person would: what it prints, that it works, how it stops."""

import json
import os
import re
import socket
import subprocess
import threading
import time

import httpx
import pytest

from tests.journeys.house import House, Mock

pytestmark = pytest.mark.journey

COUNT = """
import json
from accounts.models import ApiKey, User
from characters.models import Character
print(json.dumps([User.objects.count(), Character.objects.count(), ApiKey.objects.count()]))
"""
LAST_REPLY = """
import json
from billing.invariants import check
from billing.models import Hold
from chats.models import Message, Turn
reply = Message.objects.filter(role="assistant").order_by("created_at").last()
turn = Turn.objects.get()
print(json.dumps([reply.status, reply.content[:5], turn.state,
                  Hold.objects.filter(state="open").count(), check()]))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    place = House(tmp_path_factory.mktemp("first-run"))
    place.start()
    yield place
    place.stop()


@pytest.fixture
def mock():
    upstream = Mock()
    yield upstream
    upstream.close()


def link_of(house: House) -> str:
    return house.link.replace("127.0.0.1", "localhost")


def refusal(house: House, *arguments: str) -> tuple[int, str]:
    done = house.command("serve", *arguments)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_first_run_prints_address_link_key_and_curl(house):
    lines = house.printed.splitlines()

    assert f"  Reverie is at http://localhost:{house.port}" in lines
    assert f"  Sign in (once, within a day):  {link_of(house)}" in lines
    assert f"  API key (shown only now):      {house.key}" in lines
    assert house.printed.count("curl -N ") == 1


def test_sign_in_link_works_once(house):
    with httpx.Client() as browser:
        first = browser.get(house.link)
        page = browser.get(f"{house.url}/app")
    second = httpx.get(house.link)

    assert (first.status_code, first.headers["location"]) == (302, "/app")
    assert page.status_code == 200
    assert "Luna" in page.text
    assert second.status_code == 410


def test_printed_curl_line_works_as_pasted(house):
    line = re.search(r"^  (curl -N .*)$", house.printed, re.MULTILINE)[1]

    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0
    assert "chat.completion.chunk" in done.stdout
    assert done.stdout.endswith("data: [DONE]\n\n")


def test_stopping_leaves_with_zero_and_starting_again_duplicates_nothing(tmp_path):
    house = House(tmp_path / "data")
    house.start()
    first = json.loads(house.rows(COUNT))
    key = house.key
    house.ask("Hello")

    started = time.monotonic()
    code = house.stop()
    took = time.monotonic() - started
    house.start()
    try:
        second = json.loads(house.rows(COUNT))
        still_works = httpx.get(
            f"{house.url}/v1/models", headers={"Authorization": f"Bearer {key}"}
        ).status_code
    finally:
        house.stop()

    assert code == 0
    assert took < 10
    assert first == [1, 6, 1]
    assert second == [1, 6, 2]
    assert still_works == 200
    assert house.key != key


def test_quick_start_keys_that_nobody_used_do_not_pile_up(tmp_path):
    house = House(tmp_path / "data")
    for _ in range(2):
        house.start()
        count = json.loads(house.rows(COUNT))
        house.stop()

    assert count == [1, 6, 1]


def test_stop_in_the_middle_of_a_reply_keeps_its_text(tmp_path, mock):
    house = House(tmp_path / "data", REVERIE_LLM=mock.url, REVERIE_LLM_MODEL="mock")
    house.start()
    received: list[str] = []
    first = threading.Event()

    def listen() -> None:
        body = {
            "model": "Luna",
            "stream": True,
            "messages": [{"role": "user", "content": "tokens=300 delay=0.2"}],
        }
        headers = {"Authorization": f"Bearer {house.key}"}
        url = f"{house.url}/api/device/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as response:
            for line in response.iter_lines():
                received.append(line)
                if '"content"' in line:
                    first.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert first.wait(20)

    started = time.monotonic()
    code = house.stop()
    took = time.monotonic() - started
    listener.join(20)

    assert code == 0
    assert took < 10
    assert not listener.is_alive()
    status, text, state, open_holds, violations = json.loads(house.rows(LAST_REPLY))
    assert (status, state, open_holds, violations) == ("partial", "partial", 0, [])
    assert text


def test_taken_port_is_one_line(tmp_path):
    house = House(tmp_path / "data")
    with socket.create_server(("127.0.0.1", house.port)):
        code, said = refusal(house)

    assert code == 1
    assert said == (
        f"reverie: Cannot listen on 127.0.0.1:{house.port}: Address already in use."
        " Choose another port with PORT=… or --port.\n"
    )


def test_bad_port_is_wrong_usage(tmp_path):
    house = House(tmp_path / "data")

    assert refusal(house, "--port", "70000")[0] == 2


def test_bad_setting_is_one_line(tmp_path):
    house = House(tmp_path / "data", REVERIE_SIGN_UP="perhaps")

    assert refusal(house) == (1, "REVERIE_SIGN_UP is 'perhaps'; it may be true or false\n")


def test_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    house = House(tmp_path, REVERIE_DATA=str(tmp_path / "file" / "data"))

    code, said = refusal(house)

    assert code == 1
    assert said.startswith("reverie: The data folder ")
    assert said.count("\n") == 1


@pytest.mark.skipif(
    bool(os.environ.get("REDIS_URL") and os.environ.get("DATABASE_URL")), reason="needs one process"
)
def test_several_workers_need_services(tmp_path):
    house = House(tmp_path / "data")

    code, said = refusal(house, "--workers", "2")

    assert code == 1
    assert said.startswith("reverie: Several workers need DATABASE_URL and REDIS_URL")


@pytest.mark.skipif(bool(os.environ.get("REDIS_URL")), reason="with Redis, many may serve a folder")
def test_second_server_on_one_folder_is_refused(house):
    other = House(house.folder)

    code, said = refusal(other)

    assert (code, said) == (1, f"reverie: Another Reverie serves {house.folder} already.\n")


def test_weak_production_is_refused(tmp_path):
    house = House(tmp_path / "data", REVERIE_PRODUCTION="1", REVERIE_SECRET_KEY="short")

    code, said = refusal(house)

    assert code == 1
    assert said.startswith("reverie: REVERIE_SECRET_KEY is too weak")


def test_doctor_finds_a_running_house_sound(house):
    done = house.command("doctor", "--json")
    states = {row["part"]: row["state"] for row in json.loads(done.stdout)}

    assert states["database"] == states["ledger"] == states["data"] == "ok"
    assert done.returncode == (1 if "broken" in states.values() else 0)
