"""Plain builders of rows. Every value may be given; none depends on chance."""

import factory
from django.conf import settings
from factory.django import DjangoModelFactory

from accounts.models import User
from catalog.models import Project
from characters.models import Character, Scenario
from chats.models import Chat
from llm.models import Model, Provider


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = settings.AUTH_USER_MODEL

    handle = factory.Sequence(lambda n: f"user{n}")
    password = "!unusable"


class CharacterFactory(DjangoModelFactory[Character]):
    class Meta:
        model = Character

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Character {n}")
    description = "A lighthouse keeper who collects stories."
    first_mes = "The lamp is lit. Come in."
    visibility = Project.Visibility.PRIVATE


class ScenarioFactory(DjangoModelFactory[Scenario]):
    class Meta:
        model = Scenario

    character = factory.SubFactory(CharacterFactory)
    title = factory.Sequence(lambda n: f"Scenario {n}")
    context = "A storm is coming in."
    greeting = ""


class ChatFactory(DjangoModelFactory[Chat]):
    class Meta:
        model = Chat

    character = factory.SubFactory(CharacterFactory)
    user = factory.SelfAttribute("character.owner")


class ProviderFactory(DjangoModelFactory[Provider]):
    class Meta:
        model = Provider

    slug = factory.Sequence(lambda n: f"provider-{n}")
    name = "A provider"
    kind = Provider.Kind.UNDERSTUDY
    options = factory.LazyFunction(lambda: {"delay_seconds": 0})


class ModelFactory(DjangoModelFactory[Model]):
    class Meta:
        model = Model

    slug = factory.Sequence(lambda n: f"test/model-{n}")
    provider = factory.SubFactory(ProviderFactory)
    upstream_name = "understudy"
