"""What a start makes sure of: the owner, the starters, the key, and who answers."""

import pytest

from accounts.keys import authenticate
from accounts.links import redeem_link
from accounts.models import ApiKey, User
from accounts.services import create_user
from characters.models import Character
from core.errors import Retryable
from engine.providers.base import UpstreamModel
from llm import services, switches
from llm.discovery import Found
from llm.models import Model, Provider
from reverie import firstrun
from reverie.firstrun import Wanted, prepare
from reverie.launch import greeting

pytestmark = pytest.mark.django_db

OLLAMA = Found("ollama", "Ollama", "http://127.0.0.1:11434", (UpstreamModel("llama3.2", 4096),))
UPSTREAM = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def running(monkeypatch) -> list[Found]:
    """The model servers that a start finds on this machine; none unless a test adds one."""
    servers: list[Found] = []

    async def detect(*, skip_port: int = 0, seconds: float = 0.3) -> list[Found]:
        return list(servers)

    monkeypatch.setattr(firstrun, "detect", detect)
    return servers


@pytest.fixture
def offered(monkeypatch) -> list[UpstreamModel]:
    """What the server named by an operator lists; empty means that it refuses to say."""
    models: list[UpstreamModel] = []

    async def list_models(self) -> list[UpstreamModel]:
        if not models:
            raise Retryable("It does not answer.")
        return list(models)

    monkeypatch.setattr("reverie.firstrun.OpenAILike.list_models", list_models)
    return models


def start(**wanted: str) -> firstrun.Welcome:
    return prepare(Wanted(**wanted), own_port=8150)


def test_first_start_makes_the_owner_and_six_starters():
    welcome = start()

    owner = User.objects.get()
    assert (owner.handle, owner.is_staff, owner.is_superuser) == ("owner", True, True)
    assert not owner.has_usable_password()
    assert Character.objects.filter(owner=owner).count() == 6
    assert Character.objects.filter(owner=owner, name="Luna").count() == 1
    assert redeem_link(welcome.sign_in_token) == owner
    assert authenticate(welcome.key).user == owner


def test_first_start_without_a_model_uses_the_stand_in_and_says_so():
    welcome = start()

    assert (welcome.model, welcome.is_stand_in) == (services.UNDERSTUDY_MODEL, True)


def test_next_start_makes_nothing_twice():
    start()
    Character.objects.first().delete()

    start()

    assert User.objects.count() == 1
    assert Character.objects.count() == 5


def test_next_start_drops_the_key_that_nobody_used():
    first = start()
    second = start()

    assert ApiKey.objects.count() == 1
    assert authenticate(second.key).name == firstrun.KEY_NAME
    assert first.key != second.key


def test_next_start_keeps_a_key_in_use():
    first = start()
    authenticate(first.key)

    start()

    assert authenticate(first.key).name == firstrun.KEY_NAME
    assert ApiKey.objects.count() == 2


def test_next_start_in_production_prints_no_secret(settings):
    start()
    settings.PRODUCTION = True

    welcome = start()

    assert (welcome.key, welcome.sign_in_token) == ("", "")


def test_start_among_other_people_makes_no_owner():
    create_user(handle="mara", staff=True)

    welcome = start()

    assert [user.handle for user in User.objects.all()] == ["mara"]
    assert (welcome.key, welcome.sign_in_token) == ("", "")


def test_start_gives_a_stranger_called_owner_nothing():
    create_user(handle="owner")

    welcome = start()

    assert (welcome.key, welcome.sign_in_token) == ("", "")
    assert not User.objects.get().is_staff


def test_what_runs_here_answers(running):
    running.append(OLLAMA)

    welcome = start()

    assert (welcome.model, welcome.is_stand_in) == ("ollama/llama3.2", False)
    assert welcome.note == "Found Ollama at http://127.0.0.1:11434; ollama/llama3.2 answers."


def test_what_was_found_and_is_gone_gives_way_to_the_stand_in(running):
    running.append(OLLAMA)
    start()
    running.clear()

    assert start().model == services.UNDERSTUDY_MODEL


def test_another_model_chosen_of_what_runs_here_stays(running):
    running.append(OLLAMA)
    start()
    provider = Provider.objects.get(slug="ollama")
    services.add_model(slug="ollama/other", provider=provider, upstream_name="other")
    services.set_default("ollama/other")

    assert start().model == "ollama/other"


def test_model_that_an_operator_added_stays(running):
    provider = services.add_provider(
        slug="mine", name="Mine", kind=Provider.Kind.OPENAI_LIKE, base_url=UPSTREAM
    )
    services.add_model(slug="mine/one", provider=provider, upstream_name="one")
    services.set_default("mine/one")
    running.append(OLLAMA)

    assert start().model == "mine/one"


def test_named_server_answers_with_its_first_model(offered):
    offered += [UpstreamModel("vendor/one"), UpstreamModel("vendor/two")]

    assert start(llm=UPSTREAM, llm_key="k").model == "vendor/one"
    assert Provider.objects.get(slug="upstream").api_key == "k"


def test_named_server_answers_with_the_named_model(offered):
    offered += [UpstreamModel("vendor/one"), UpstreamModel("vendor/two")]

    assert start(llm=UPSTREAM, llm_model="vendor/two").model == "vendor/two"


def test_named_model_is_believed_when_the_server_lists_nothing(offered):
    welcome = start(llm=UPSTREAM, llm_model="quiet")

    assert (welcome.model, welcome.is_stand_in) == ("upstream/quiet", False)
    assert welcome.note == f"{UPSTREAM} did not list its models: It does not answer."


def test_named_server_that_is_silent_leaves_the_stand_in(offered):
    welcome = start(llm=UPSTREAM)

    assert welcome.is_stand_in
    assert welcome.note.endswith("Name one with --llm-model. Until then the stand-in answers.")


def test_named_model_that_another_server_serves_too_is_told_apart(running, offered):
    offered.append(UpstreamModel("vendor/one"))
    other = services.add_provider(slug="other", name="Other", kind=Provider.Kind.OPENAI_LIKE)
    services.add_model(slug="vendor/one", provider=other, upstream_name="vendor/one")

    assert start(llm=UPSTREAM).model == "upstream/vendor/one"


def test_file_answers(tmp_path):
    path = tmp_path / "Tiny.gguf"
    path.write_bytes(b"GGUF")

    assert start(gguf=str(path)).model == "local/tiny"
    assert Model.objects.get(is_default=True).provider.options == {"path": str(path)}


def test_file_that_is_missing_leaves_the_stand_in(tmp_path):
    welcome = start(gguf=str(tmp_path / "no.gguf"))

    assert welcome.is_stand_in
    assert welcome.note == f"There is no file {tmp_path / 'no.gguf'}; the stand-in answers."


def test_the_first_model_that_talks_answers(running):
    models = (UpstreamModel("nomic-embed-text"), UpstreamModel("llama3.2"))
    running.append(Found("ollama", "Ollama", "http://127.0.0.1:11434", models))

    assert start().model == "ollama/llama3.2"


def test_a_server_of_embeddings_alone_leaves_the_stand_in(running):
    models = (UpstreamModel("nomic-embed-text"),)
    running.append(Found("ollama", "Ollama", "http://127.0.0.1:11434", models))

    assert start().model == services.UNDERSTUDY_MODEL


def test_the_operators_word_outweighs_a_models_name(offered):
    offered += [UpstreamModel("llama3.2"), UpstreamModel("embedded-story")]

    welcome = start(llm=UPSTREAM, llm_model="embedded-story")

    assert welcome.model == "upstream/embedded-story"


def test_a_start_does_not_undo_a_kill_switch(offered):
    offered.append(UpstreamModel("mock"))
    started = start(llm=UPSTREAM)
    switches.switch_off(Model.objects.get(slug=started.model), actor="op", reason="down")

    again = start(llm=UPSTREAM)

    assert (started.model != "", again.model, again.is_stand_in) == (True, "", False)
    assert "All of them are switched off" in greeting(again, "http://here")
