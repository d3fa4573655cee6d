"""Forms of what a person brings to a talk: personas, and the settings of one chat."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.db.models import QuerySet

from accounts.models import User
from billing.gates import usable
from characters.models import CharacterPreference
from characters.preferences import preference_of
from chats import bindings, settings
from chats.models import Chat
from engine.parts import Note
from llm import registry
from lore.models import Binding, Lorebook
from personas import queries
from personas.models import Persona
from personas.services import DEPTH_MOST
from web.forms import CardsField, ProseField
from web.templatetags.reverie_web import costs

DEPTH_HELP: Final = "How many messages before the end; 0 is after the last."
ROLES: Final = [(0, "System"), (1, "You"), (2, "The character")]
CHAT_FIELDS: Final = (
    "persona", "scenario_text", "custom_prompt", "character_number", "lorebooks",
)  # fmt: skip
NOTE_FIELDS: Final = tuple(f"note_{name}" for name in Note.__struct_fields__)
WISHES: Final = ("model", "nsfw_intensity", "narration_style", "response_length")
NOTE_PLACES: Final = [
    (1, "Among the messages, at a depth"),
    (0, "With the instructions, after the situation"),
    (2, "Before the instructions"),
]


class NumberField(forms.IntegerField):
    """A number from 0 to `most`; left empty it is the usual one, for it may not be in sight."""

    def __init__(self, *, usual: int, most: int, **options: Any) -> None:
        self.usual = usual
        super().__init__(min_value=0, max_value=most, required=False, **options)

    def clean(self, value: Any) -> int:
        number: int | None = super().clean(value)
        return self.usual if number is None else number


def _choice(label: str, choices: Any, help_text: str = "") -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, choices=choices, coerce=int, help_text=help_text)


class LorebooksField(forms.MultipleChoiceField):
    """The lorebooks that apply somewhere, as boxes to tick."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, books: list[Lorebook]) -> None:
        self.choices = [(book.uid, f"{book.name} ({_entries(book)})") for book in books]

    def clean(self, value: Any) -> list[str]:
        chosen: list[str] = super().clean(value)
        if len(chosen) > bindings.LOREBOOKS_MOST:
            raise forms.ValidationError(f"{bindings.LOREBOOKS_MOST} lorebooks is the most.")
        return chosen


def _entries(book: Lorebook) -> str:
    return "1 entry" if book.entry_count == 1 else f"{book.entry_count} entries"


class PersonaForm(forms.Form):
    """A persona: who one is, and where in the prompt that is said."""

    name = forms.CharField(
        max_length=200, label="Name", help_text="What characters call you: {{user}}."
    )
    title = forms.CharField(
        max_length=200,
        required=False,
        label="Note to yourself",
        help_text="Tells personas of the same name apart. Never sent.",
    )
    picture = forms.FileField(
        required=False,
        label="Picture",
        help_text="PNG, JPEG, WebP or GIF.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
    )
    no_picture = forms.BooleanField(required=False, label="Take the picture away")
    description = ProseField(
        label="Description", rows=8, help_text="Who you are here: looks, past, manner."
    )
    position = _choice("Where the description goes", Persona._meta.get_field("position").choices)
    depth = NumberField(usual=2, most=DEPTH_MOST, label="Depth", help_text=DEPTH_HELP)
    role = _choice("Said by", ROLES)
    is_default = forms.BooleanField(
        required=False, label="Wear this wherever no other persona is chosen"
    )
    lorebooks = LorebooksField(required=False, label="Lorebooks")

    def __init__(
        self, data: Any = None, files: Any = None, *, user: User, persona: Persona | None
    ) -> None:
        target = persona.uid if persona else ""
        books = bindings.bound(user, Binding.Scope.PERSONA, target)
        initial = _persona_values(persona or Persona())
        initial["lorebooks"] = [book.uid for book in books]
        super().__init__(data, files, initial=initial)
        field: Any = self.fields["lorebooks"]
        field.offer(bindings.choices(user, Binding.Scope.PERSONA, target))

    def values(self) -> dict[str, Any]:
        """What the persona services take, without the picture."""
        names = ("name", "title", "description", "position", "depth", "role", "is_default")
        values = {name: self.cleaned_data[name] for name in names}
        return {**values, "avatar": ""} if self.cleaned_data["no_picture"] else values


def _persona_values(persona: Persona) -> dict[str, Any]:
    names = ("name", "title", "description", "position", "depth", "role", "is_default")
    return {name: getattr(persona, name) for name in names}


class PersonaImportForm(forms.Form):
    backups = CardsField(
        label="Backups", error_messages={"required": "Choose at least one JSON or PNG file."}
    )


class ChatSettingsForm(forms.Form):
    """Everything one chat holds of its own, and how its character answers this person."""

    persona = forms.ChoiceField(
        required=False, label="Persona", help_text="Counts from your next message on."
    )
    note_text = ProseField(
        label="Text", rows=4, help_text="A reminder to the model, said with each reply."
    )
    note_position = _choice("Where", NOTE_PLACES)
    note_depth = NumberField(
        usual=Note().depth, most=settings.NUMBER_MOST, label="Depth", help_text=DEPTH_HELP
    )
    note_interval = NumberField(
        usual=Note().interval,
        most=settings.NUMBER_MOST,
        label="Every so many of your messages",
        help_text="1 is always, 0 is never.",
    )
    note_role = _choice("Said by", ROLES)
    scenario_text = ProseField(
        label="Situation", rows=4, help_text="Takes the place of the character's own."
    )
    custom_prompt = ProseField(
        label="Instructions",
        rows=4,
        help_text="Takes the place of the character's own; {{original}} puts those in.",
    )
    character_number = _choice("Version", ())
    lorebooks = LorebooksField(required=False, label="Lorebooks")
    model = forms.ChoiceField(required=False, label="Model")
    nsfw_intensity = forms.ChoiceField(
        required=False, label="Intensity", choices=CharacterPreference.Intensity.choices
    )
    narration_style = forms.ChoiceField(
        required=False, label="Narration", choices=CharacterPreference.Narration.choices
    )
    response_length = forms.ChoiceField(
        required=False, label="Length of replies", choices=CharacterPreference.Length.choices
    )

    def __init__(self, data: Any = None, *, user: User, chat: Chat) -> None:
        super().__init__(data, initial=_chat_values(user, chat))
        self._offer("persona", _personas(user, chat))
        self._offer("character_number", _versions(chat))
        self._offer("model", _models(user, self.initial["model"]))
        field: Any = self.fields["lorebooks"]
        field.offer(bindings.choices(user, Binding.Scope.CHAT, chat.uid))

    def _offer(self, name: str, choices: list[tuple[Any, str]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def settings(self) -> dict[str, Any]:
        """What `chats.settings.change` takes, of what was changed."""
        note = {name.removeprefix("note_"): value for name, value in self._changed(NOTE_FIELDS)}
        return {**dict(self._changed(CHAT_FIELDS)), **({"note": note} if note else {})}

    def preferences(self) -> dict[str, Any]:
        """What `characters.preferences.change_preference` takes, of what was changed."""
        return dict(self._changed(WISHES))

    def _changed(self, names: Iterable[str]) -> list[tuple[str, Any]]:
        changed = set(self.changed_data)
        return [(name, self.cleaned_data[name]) for name in names if name in changed]


def _chat_values(user: User, chat: Chat) -> dict[str, Any]:
    note = settings.note_of(chat)
    wishes = preference_of(user, chat.character)
    return {
        **{name: getattr(note, name.removeprefix("note_")) for name in NOTE_FIELDS},
        "persona": chat.persona_id or "",
        "scenario_text": chat.scenario_text,
        "custom_prompt": chat.custom_prompt,
        "character_number": chat.character_number,
        "lorebooks": [book.uid for book in bindings.bound(user, Binding.Scope.CHAT, chat.uid)],
        "model": wishes.model.slug if wishes.model else "",
        "nsfw_intensity": wishes.nsfw_intensity,
        "narration_style": wishes.narration_style,
        "response_length": wishes.response_length,
    }


def _personas(user: User, chat: Chat) -> list[tuple[Any, str]]:
    usual = queries.worn(user_id=user.pk, character=chat.character.uid, chosen="")
    follow = f"As usual: {usual.name if usual else user.name}"
    return [("", follow), *persona_choices(queries.owned_by(user))]


def persona_choices(rows: QuerySet[Persona]) -> list[tuple[Any, str]]:
    """Personas by name, with the note that tells namesakes apart."""
    found = rows.values_list("uid", "name", "title")
    return [(uid, f"{name} ({title})" if title else name) for uid, name, title in found]


def _versions(chat: Chat) -> list[tuple[Any, str]]:
    """0 to follow the character; every version that is kept, the newest first."""
    newest = chat.character.number
    rows = chat.character.versions.values_list("number", "note", "created_at")
    found = {0: "Always the newest"}
    found |= {number: _version(number, note, made, newest) for number, note, made in rows}
    found.setdefault(chat.character_number, f"Version {chat.character_number}, not kept any more")
    return list(found.items())


def _version(number: int, note: str, made: Any, newest: int) -> str:
    words = [f"Version {number} of {made:%d %b %Y}", *([note] if note else [])]
    return ", ".join([*words, "the newest"] if number == newest else words)


def _models(user: User, chosen: str) -> list[tuple[Any, str]]:
    specs = usable(user.pk, registry.list_models())
    found = {"": "The default", **{spec.slug: f"{spec.name}, {costs(spec)}" for spec in specs}}
    found.setdefault(chosen, f"{chosen}, not available now")
    return list(found.items())


def wearable(user: User) -> list[tuple[Any, str]]:
    """Whom one may choose to be with a character; nothing for people without personas."""
    found = persona_choices(queries.owned_by(user))
    usual = queries.owned_by(user).filter(is_default=True).first() if found else None
    return [("", f"As usual: {usual.name if usual else user.name}"), *found] if found else []
