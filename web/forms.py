"""Forms of the pages. They check shape; rules live in the services they feed."""

from typing import Any

from django import forms

from accounts.models import User
from accounts.zones import checked_zone, zone_name
from catalog.models import Project
from characters.models import Character
from core.errors import Invalid
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

    widget = ManyFilesInput(
        attrs={
            "accept": ".png,.apng,.webp,.json,.charx,.zip,.jpg,.jpeg,.yaml,.yml,.byaf,"
            "image/png,image/apng,image/webp,image/jpeg,application/json,application/zip"
        }
    )

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) and data else [data or None]
        check = super().clean
        return [file for file in (check(file, initial) for file in files) if file]


class ImportForm(forms.Form):
    """Cards to import: files, addresses of files, or both."""

    cards = CardsField(label="Files", required=False, allow_empty_file=True)
    urls = forms.CharField(
        label="Or their addresses",
        required=False,
        max_length=20_000,
        strip=True,
        help_text="One to a line. The address of the file itself, not of a page about it.",
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": "https://…", "spellcheck": "false", "inputmode": "url"}
        ),
    )

    def clean_urls(self) -> list[str]:
        """The addresses, each once, in their order."""
        return list(dict.fromkeys(self.cleaned_data["urls"].split()))

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if not self.errors and not found.get("cards") and not found.get("urls"):
            self.add_error("cards", "Choose at least one file, or give an address.")
        return found


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
    timezone = forms.CharField(
        max_length=64,
        required=False,
        label="Time zone",
        help_text="As in Europe/Berlin; the days of your usage begin at its midnight. Empty: UTC.",
    )
    adult = forms.BooleanField(required=False, label="Show characters for adults")

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.user = user
        initial = {
            "display_name": user.display_name,
            "scheme": user.preferences.get("scheme", ""),
            "timezone": zone_name(user),
            "adult": user.preferences.get("adult", False),
        }
        super().__init__(data, initial=initial)

    def clean_timezone(self) -> str:
        try:
            return checked_zone(self.cleaned_data["timezone"])
        except Invalid as error:
            raise forms.ValidationError(error.message) from error

    def save(self) -> None:
        self.user.display_name = self.cleaned_data["display_name"]
        self.user.preferences = {
            **self.user.preferences,
            "scheme": self.cleaned_data["scheme"],
            "timezone": self.cleaned_data["timezone"],
            "adult": self.cleaned_data["adult"],
        }
        self.user.save(update_fields=["display_name", "preferences"])
