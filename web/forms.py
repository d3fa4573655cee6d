"""Forms of the pages. They check shape; rules live in the services they feed."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from accounts.models import User
from catalog.models import Project
from characters.models import Character
from characters.queries import owned_by
from core.text import clean
from web.context import SCHEMES

TEXT_CHARS = 200_000
GREETINGS = 50

TEXT_FIELDS: dict[str, tuple[str, str]] = {
    "description": (
        "Description",
        "Who this is: looks, past, manner. {{char}} and {{user}} stand for the two names.",
    ),
    "personality": ("Personality", "A few words on temper and values."),
    "scenario": ("Situation", "Where the two are, unless a scenario below says otherwise."),
    "mes_example": ("Example dialogue", "How this character talks. Start each with <START>."),
    "system_prompt": (
        "Instructions before the talk",
        "Takes the place of the usual instructions; {{original}} puts those in.",
    ),
    "post_history_instructions": (
        "Instructions after the talk",
        "Said last, just before each reply. Strong medicine: keep it short.",
    ),
    "creator_notes": ("Notes for people", "Shown on the character's page, never to the model."),
}
SHORT_TEXT = {"personality", "scenario", "post_history_instructions", "creator_notes"}


class ProseField(forms.CharField):
    """Optional multi-line text, cleaned of what cannot be stored, its line ends unified."""

    def __init__(self, *, rows: int, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "class": "prose-field"})
        super().__init__(
            required=False, strip=False, max_length=TEXT_CHARS, widget=widget, **options
        )

    def clean(self, value: Any) -> str:
        return clean(str(super().clean(value) or "").replace("\r\n", "\n"))


class CharacterForm(forms.Form):
    """Every text of a character. Greetings come as repeated fields named `greeting`."""

    name = forms.CharField(max_length=200, label="Name")
    nickname = forms.CharField(
        max_length=200,
        required=False,
        label="Called",
        help_text="What {{char}} becomes in a talk, if not the full name.",
    )
    tagline = forms.CharField(max_length=200, required=False, label="One line")
    tags = forms.CharField(
        max_length=1000, required=False, label="Tags", help_text="Separated by commas."
    )
    visibility = forms.ChoiceField(
        choices=Project.Visibility.choices,
        initial=Project.Visibility.PRIVATE,
        widget=forms.RadioSelect,
        label="Who may see it",
    )
    nsfw = forms.BooleanField(required=False, label="For adults only")
    portrait = forms.FileField(
        required=False,
        label="Portrait",
        help_text="PNG, JPEG or WebP. Without one, a portrait is drawn.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    creator = forms.CharField(max_length=200, required=False, label="Creator")
    character_version = forms.CharField(max_length=200, required=False, label="Version")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, (label, help_text) in TEXT_FIELDS.items():
            rows = 3 if name in SHORT_TEXT else 8
            self.fields[name] = ProseField(label=label, help_text=help_text, rows=rows)

    @staticmethod
    def initial_of(character: Character) -> dict[str, Any]:
        names = ("name", "nickname", "tagline", "visibility", "nsfw", "creator")
        initial = {name: getattr(character, name) for name in (*names, *TEXT_FIELDS)}
        initial["character_version"] = character.character_version
        initial["tags"] = ", ".join(tag.name for tag in character.tags.all())
        return initial

    @property
    def greetings(self) -> list[str]:
        """The greetings typed, blank ones left out. Only for a bound form."""
        getlist = getattr(self.data, "getlist", None)
        values = getlist("greeting") if getlist else []
        texts = [clean(str(value).replace("\r\n", "\n")) for value in values[:GREETINGS]]
        return [text for text in texts if text.strip()]

    def clean_tags(self) -> list[str]:
        seen: dict[str, str] = {}
        for part in self.cleaned_data["tags"].split(","):
            if tag := part.strip()[:80]:
                seen.setdefault(tag.casefold(), tag)
        return list(seen.values())

    def values(self) -> dict[str, Any]:
        """What the character services take."""
        values = {name: self.cleaned_data[name] for name in self.fields if name != "portrait"}
        first, *others = self.greetings or [""]
        return {**values, "first_mes": first, "alternate_greetings": others}


class ScenarioForm(forms.Form):
    title = forms.CharField(max_length=120, label="Title")
    context = ProseField(
        label="Situation", rows=4, help_text="Told to the model, not shown in the talk."
    )
    greeting = ProseField(
        label="Greeting", rows=4, help_text="The first message. Empty: the character's own."
    )


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class CardsField(forms.FileField):
    """One or several uploaded files."""

    widget = ManyFilesInput(attrs={"accept": ".png,.json,image/png,application/json"})

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) and data else [data or None]
        check = super().clean
        return [check(file, initial) for file in files]


class ImportForm(forms.Form):
    cards = CardsField(
        label="Cards", error_messages={"required": "Choose at least one PNG or JSON file."}
    )


class FilesForm(forms.Form):
    """Files of any kind; each is judged on its own later on."""

    uploads = CardsField(
        label="Files",
        allow_empty_file=True,
        error_messages={"required": "Choose at least one file."},
        widget=ManyFilesInput(
            attrs={"accept": ".jsonl,.json,.txt,.png,.charx,.webp,.jpg,.jpeg,.yaml,.yml,.byaf"}
        ),
    )


class KeyForm(forms.Form):
    """A new API key."""

    EXPIRIES: ClassVar[list[tuple[str, str]]] = [
        ("", "Never"),
        ("7", "In 7 days"),
        ("30", "In 30 days"),
        ("90", "In 90 days"),
        ("365", "In a year"),
    ]
    name = forms.CharField(
        max_length=80,
        label="Name",
        widget=forms.TextInput(attrs={"placeholder": "Which program will use it?"}),
    )
    default_character = forms.ChoiceField(required=False, label="Default character")
    expires = forms.ChoiceField(required=False, choices=EXPIRIES, label="Expires")

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        rows = owned_by(user).order_by("name").values_list("uid", "name")
        self.fields["default_character"].choices = [("", "None"), *rows]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        days = self.cleaned_data["expires"]
        return {
            "name": self.cleaned_data["name"],
            "default_character": self.cleaned_data["default_character"],
            "expires_at": timezone.now() + timedelta(days=int(days)) if days else None,
        }


class AccountForm(forms.Form):
    """Oneself: how characters call one, and how pages look."""

    display_name = forms.CharField(
        max_length=80,
        required=False,
        label="Your name",
        help_text="What characters call you. Empty: your handle.",
    )
    scheme = forms.ChoiceField(
        choices=[("", "As the system"), *SCHEMES.items()],
        required=False,
        widget=forms.RadioSelect,
        label="Colours",
    )
    adult = forms.BooleanField(required=False, label="Show characters for adults")

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.user = user
        initial = {
            "display_name": user.display_name,
            "scheme": user.preferences.get("scheme", ""),
            "adult": user.preferences.get("adult", False),
        }
        super().__init__(data, initial=initial)

    def save(self) -> None:
        self.user.display_name = self.cleaned_data["display_name"]
        self.user.preferences = {
            **self.user.preferences,
            "scheme": self.cleaned_data["scheme"],
            "adult": self.cleaned_data["adult"],
        }
        self.user.save(update_fields=["display_name", "preferences"])
