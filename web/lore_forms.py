"""Forms of lorebooks: an entry with all its fields, a book's settings, files."""

from dataclasses import dataclass
from typing import Any, Final, get_type_hints

from django import forms

from catalog.models import Project
from core.text import clean
from lore.models import Lorebook
from lore.scene import Settings
from lore.values import Book, CharacterFilter, Entry, Logic, Position, Role
from web.forms import CardsField, ManyFilesInput

POSITIONS: Final = {
    Position.BEFORE_CHARACTER: "Before the character",
    Position.AFTER_CHARACTER: "After the character",
    Position.EXAMPLES_TOP: "Before the example dialogue",
    Position.EXAMPLES_BOTTOM: "After the example dialogue",
    Position.NOTE_TOP: "Top of the author's note",
    Position.NOTE_BOTTOM: "Bottom of the author's note",
    Position.AT_DEPTH: "Among the messages",
    Position.OUTLET: "Where {{outlet::Name}} stands",
}
_CHOICES: Final[dict[str, list[tuple[int, str]]]] = {
    "position": [(int(position), words) for position, words in POSITIONS.items()],
    "role": [(Role.SYSTEM, "System"), (Role.USER, "User"), (Role.ASSISTANT, "Character")],
    "selective_logic": [
        (Logic.AND_ANY, "One of them must be there too"),
        (Logic.AND_ALL, "All of them must be there too"),
        (Logic.NOT_ANY, "None of them may be there"),
        (Logic.NOT_ALL, "Not all of them may be there"),
    ],
}
_MAYBE: Final = [("", "As the settings say"), ("yes", "Yes"), ("no", "No")]
_BOOL: Final = {"yes": True, "no": False}
_TRIGGERS: Final = "One per line: normal, continue, swipe, regenerate, impersonate, quiet."
_LINES: Final = {"keys", "secondary_keys", "triggers", "char_names", "char_tags"}
_FILTER: Final = {"char_names": "names", "char_tags": "tags", "char_exclude": "is_exclude"}

FIRST: Final[dict[str, tuple[str, str]]] = {
    "enabled": ("On", ""),
    "constant": ("Always in play", ""),
    "comment": ("Title", "For you; the model never sees it."),
    "keys": (
        "Keys",
        "One per line. When one of them is said, the text below is told to the model."
        " /like this/i is a regular expression.",
    ),
    "content": ("Text", ""),
    "position": ("Position", ""),
    "order": ("Order", "The highest stands last, nearest to the reply."),
    "depth": ("Depth", "How many messages before the end."),
    "role": ("Said as", ""),
    "outlet_name": ("Outlet", "Its Name in {{outlet::Name}}."),
}
FOLDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Secondary keys": {
        "secondary_keys": ("Secondary keys", "One per line. Empty: the keys alone decide."),
        "selective_logic": ("When a key was found", ""),
        "selective": ("Use the secondary keys", ""),
    },
    "What it looks at": {
        "scan_depth": ("Newest messages", "Empty: as the lorebook or the settings say."),
        "case_sensitive": ("Upper and lower case differ", ""),
        "match_whole_words": ("Whole words only", ""),
        "use_regex": ("Every key is a regular expression", ""),
        "match_persona_description": ("Also the persona's description", ""),
        "match_character_description": ("Also the character's description", ""),
        "match_character_personality": ("Also the character's personality", ""),
        "match_character_depth_prompt": ("Also the character's note", ""),
        "match_scenario": ("Also the situation", ""),
        "match_creator_notes": ("Also the creator's notes", ""),
    },
    "Chance and budget": {
        "probability": ("Chance in 100", ""),
        "use_probability": ("Roll for the chance", ""),
        "ignore_budget": ("Goes in even if the budget is used up", ""),
        "priority": (
            "Priority",
            "When the lorebook’s own budget is short, the lowest leaves first. Empty: the order.",
        ),
    },
    "Texts of other entries": {
        "exclude_recursion": ("Does not answer to them", ""),
        "prevent_recursion": ("Others do not answer to its text", ""),
        "delay_until_recursion": ("Answers only to them, from level", "0: answers to messages."),
    },
    "Group": {
        "group": ("Group", "Of entries that share a group, one speaks. Several: with commas."),
        "group_weight": ("Weight", "How likely it is chosen."),
        "group_override": ("The highest order wins instead", ""),
        "use_group_scoring": ("The one with the most keys found wins", ""),
    },
    "Time, in messages": {
        "sticky": ("Stays for", "Once called up."),
        "cooldown": ("Rests for", "Once it is over."),
        "delay": ("Not before message", ""),
    },
    "With whom and when": {
        "char_names": ("Characters", "One per line. Empty: all of them."),
        "char_tags": ("Tags of characters", "One per line."),
        "char_exclude": ("All characters but these", ""),
        "triggers": ("Kinds of reply", _TRIGGERS + " Empty: all of them."),
    },
    "For other programs": {
        "name": ("Name", "The title of formats that have one apart from notes."),
        "vectorized": ("Found by meaning", ""),
        "automation_id": ("Automation id", ""),
        "add_memo": ("Show the title", ""),
    },
}
LABELS: Final = {
    name: words[0] for fold in (FIRST, *FOLDS.values()) for name, words in fold.items()
}
_HINTS: Final = get_type_hints(Entry)


def _unified(value: Any) -> str:
    return str(value or "").replace("\r\n", "\n").replace("\r", "\n")


class _Lines(forms.CharField):
    """Text of several lines; only what was typed counts as changed, not how lines end."""

    def __init__(self, *, rows: int, css: str = "", **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "class": css, "spellcheck": str(bool(css))})
        super().__init__(required=False, strip=False, widget=widget, **options)

    def to_python(self, value: Any) -> str:
        return clean(_unified(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _unified(initial) != self.to_python(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Fields that few entries need, and how many of them say something unusual."""

    title: str
    fields: list[forms.BoundField]
    is_open: bool
    set_count: int


class EntryForm(forms.Form):
    """An entry. `values` has only what was changed, so that odd values of others survive."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for group in (FIRST, *FOLDS.values()):
            for name, (label, help_text) in group.items():
                self.fields[name] = _field(name, label, help_text)

    @property
    def folds(self) -> list[Fold]:
        usual = initial_of(Entry(uid=0))
        folds = []
        for title, names in FOLDS.items():
            fields = [self[name] for name in names]
            is_set = [
                field.name for field in fields if _plain(field.value()) != _plain(usual[field.name])
            ]
            folds.append(
                Fold(
                    title=title,
                    fields=fields,
                    is_open=any(field.errors for field in fields),
                    set_count=len(is_set),
                )
            )
        return folds

    def values(self) -> dict[str, Any]:
        """The changed fields, as `lore.editing` takes them."""
        changed = {name: self._value(name) for name in self.changed_data if name not in _FILTER}
        if not set(_FILTER).isdisjoint(self.changed_data):
            chosen = {inside: self._value(name) for name, inside in _FILTER.items()}
            changed["character_filter"] = chosen
        return changed

    def _value(self, name: str) -> Any:
        value = self.cleaned_data[name]
        if name in _LINES:
            return [line for line in value.split("\n") if line.strip()]
        if name in _CHOICES:
            return int(value)
        return _BOOL.get(value) if _is_maybe(name) else value


def _plain(value: Any) -> str:
    return "" if value is None or value is False else str(value).replace("\r\n", "\n")


def _is_maybe(name: str) -> bool:
    return _HINTS.get(name) == bool | None


def _field(name: str, label: str, help_text: str) -> forms.Field:
    words: dict[str, Any] = {"label": label, "help_text": help_text}
    hint = _HINTS.get(name)
    if name == "content":
        return _Lines(rows=8, css="prose-field", **words)
    if name in _LINES:
        return _Lines(rows=3, **words)
    if name in _CHOICES:
        return forms.ChoiceField(choices=_CHOICES[name], **words)
    if _is_maybe(name):
        return forms.ChoiceField(choices=_MAYBE, required=False, **words)
    if hint is bool or name == "char_exclude":
        return forms.BooleanField(required=False, **words)
    if hint is str:
        return forms.CharField(required=False, strip=False, **words)
    return forms.IntegerField(required=hint is int, **words)


def initial_of(entry: Entry) -> dict[str, Any]:
    """An entry as the form shows it."""
    initial: dict[str, Any] = {}
    for name in LABELS:
        value: Any = _filtered(entry.character_filter, name) or getattr(entry, name, False)
        if name in _LINES:
            value = "\n".join(value or ())
        elif name in _CHOICES:
            value = int(value)
        elif _is_maybe(name):
            value = {True: "yes", False: "no"}.get(value, "")
        initial[name] = value
    return initial


def _filtered(chosen: CharacterFilter, name: str) -> Any:
    return getattr(chosen, _FILTER[name]) if name in _FILTER else None


class BookForm(forms.Form):
    """What a lorebook says about itself, and how it is scanned."""

    name = forms.CharField(max_length=200, label="Name")
    tagline = forms.CharField(max_length=200, required=False, label="One line")
    description = _Lines(rows=4, css="prose-field", label="Description")
    tags = forms.CharField(
        max_length=1000, required=False, label="Tags", help_text="Separated by commas."
    )
    visibility = forms.ChoiceField(
        choices=Project.Visibility.choices, widget=forms.RadioSelect, label="Who may see it"
    )
    nsfw = forms.BooleanField(required=False, label="For adults only")
    scan_depth = forms.IntegerField(
        required=False,
        label="Scan depth",
        help_text="How many of the newest messages its keys are looked for in. Empty: as the"
        " settings say.",
    )
    token_budget = forms.IntegerField(
        required=False,
        label="Token budget",
        help_text="The most it may add to a prompt. Empty or 0: as much as there is room for.",
    )
    recursive_scanning = forms.ChoiceField(
        choices=_MAYBE, required=False, label="Entries may call up others"
    )

    @staticmethod
    def initial_of(lorebook: Lorebook, book: Book) -> dict[str, Any]:
        listing = {
            name: getattr(lorebook, name)
            for name in ("name", "tagline", "description", "visibility", "nsfw")
        }
        return {
            **listing,
            "tags": ", ".join(tag.name for tag in lorebook.tags.all()),
            "scan_depth": book.scan_depth,
            "token_budget": book.token_budget,
            "recursive_scanning": {True: "yes", False: "no", None: ""}[book.recursive_scanning],
        }

    def book_values(self) -> dict[str, Any]:
        """The changed fields of the book, as `lore.editing` takes them."""
        inside = ("name", "description", "scan_depth", "token_budget")
        values = {name: self.cleaned_data[name] for name in inside if name in self.changed_data}
        if "recursive_scanning" in self.changed_data:
            values["recursive_scanning"] = _BOOL.get(self.cleaned_data["recursive_scanning"])
        return values

    def listing(self) -> dict[str, Any]:
        names = ("name", "tagline", "description", "visibility", "nsfw")
        tags = self.cleaned_data["tags"].split(",")
        return {**{name: self.cleaned_data[name] for name in names}, "tags": tags}


class NewBookForm(forms.Form):
    name = forms.CharField(
        max_length=200, label="Name", widget=forms.TextInput(attrs={"placeholder": "A new world"})
    )


class BooksForm(forms.Form):
    """Lorebook files."""

    books = CardsField(
        label="Files",
        widget=ManyFilesInput(attrs={"accept": ".json,.lorebook,.png,application/json,image/png"}),
        error_messages={"required": "Choose at least one file."},
    )


class _RulesForm(forms.Form):
    """The rules of a scan that can be tried out and can be kept."""

    scan_depth = forms.IntegerField(label="Scan depth", min_value=0, max_value=1000)
    max_recursion_steps = forms.IntegerField(
        label="Passes at most", min_value=0, max_value=1000, help_text="0: as many as it takes."
    )
    min_activations = forms.IntegerField(
        label="Look further back until",
        min_value=0,
        max_value=1000,
        help_text="So many entries fired. 0: no further.",
    )
    recursive = forms.BooleanField(required=False, label="Entries may call up others")
    include_names = forms.BooleanField(required=False, label="Names of speakers count as text")
    case_sensitive = forms.BooleanField(required=False, label="Upper and lower case differ")
    match_whole_words = forms.BooleanField(required=False, label="Whole words only")
    use_group_scoring = forms.BooleanField(required=False, label="Groups go by keys found")

    def settings(self) -> dict[str, Any]:
        """What was given, as fields of `lore.scene.Settings`."""
        names = Settings.__struct_fields__
        return {name: value for name, value in self.cleaned_data.items() if name in names}


class TrialForm(_RulesForm):
    """A text to try a lorebook on, and the settings to do it with."""

    text = _Lines(rows=8, css="prose-field", label="Text")
    character = forms.ChoiceField(required=False, label="As if talking to")
    budget_tokens = forms.IntegerField(label="Budget in tokens", min_value=0, max_value=10_000_000)
    seed = forms.CharField(
        required=False, max_length=200, label="Luck", help_text="The same word, the same dice."
    )

    def __init__(self, *args: Any, characters: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["character"].choices = [("", "Nobody"), *characters]  # type: ignore[attr-defined]


class ScanForm(_RulesForm):
    """How lorebooks are scanned: every field of `lore.scene.Settings` but the absolute budget."""

    scan_depth = forms.IntegerField(
        label="Scan depth", min_value=0, max_value=1000, help_text="So many of the newest messages."
    )
    budget_percent = forms.IntegerField(label="Budget, % of the window", min_value=1, max_value=100)
    budget_cap = forms.IntegerField(
        label="Budget at most, in tokens",
        min_value=0,
        max_value=10_000_000,
        help_text="0: no limit.",
    )
    insertion_strategy = forms.TypedChoiceField(
        label="When there is too much",
        coerce=int,
        choices=[
            (0, "All books alike"), (1, "The character's first"), (2, "Those of every chat first"),
        ],
    )  # fmt: skip
    min_activations_depth_max = forms.IntegerField(
        label="But no further than",
        min_value=0,
        max_value=1000,
        help_text="So many messages. 0: to the beginning.",
    )
