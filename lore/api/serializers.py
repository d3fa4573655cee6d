"""Wire shapes of lorebooks and of a dry run."""

from typing import Any, Final

from rest_framework import serializers

from catalog.models import Project
from lore.api.fields import entry_fields
from lore.dryrun import MESSAGES_MOST, TEXT_CHARS_MOST
from lore.formats.reading import TEXT_CHARS_MOST as DESCRIPTION_CHARS_MOST
from lore.formats.shapes import ENTRIES_MOST
from lore.models import Lorebook
from lore.values import Book, Entry

_BOOK_FIELDS: Final = ("scan_depth", "token_budget", "recursive_scanning")


class EntrySerializer(serializers.Serializer[Entry]):
    """One entry. What is left out has its usual value; null follows the settings.

    `uid` names an entry inside its lorebook. When a lorebook is changed, an entry with the `uid`
    of an existing one keeps whatever is not mentioned; one without is new.
    """

    uid = serializers.IntegerField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), **entry_fields()}


class _Described(serializers.Serializer[Any]):
    """What a caller says about a lorebook."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=DESCRIPTION_CHARS_MOST
    )
    tagline = serializers.CharField(required=False, allow_blank=True, max_length=200)
    entries = serializers.ListField(
        child=EntrySerializer(), required=False, max_length=ENTRIES_MOST
    )
    public = serializers.BooleanField(required=False)
    nsfw = serializers.BooleanField(required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=40
    )
    scan_depth = serializers.IntegerField(required=False, allow_null=True)
    token_budget = serializers.IntegerField(required=False, allow_null=True)
    recursive_scanning = serializers.BooleanField(required=False, allow_null=True)


class NewLorebookSerializer(_Described):
    """A lorebook to be made."""


class LorebookChangeSerializer(_Described):
    """What is to be different. `entries` takes the place of all entries.

    `version`, if given, must be the lorebook's current one; else the answer is 409.
    """

    name = serializers.CharField(max_length=200, required=False)
    version = serializers.IntegerField(required=False)


class LorebookSerializer(serializers.Serializer[Lorebook]):
    """A lorebook with its entries."""

    id = serializers.IntegerField()
    uid = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    tagline = serializers.CharField()
    entries = EntrySerializer(many=True)
    entry_count = serializers.IntegerField()
    token_count = serializers.IntegerField()
    public = serializers.BooleanField()
    nsfw = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())
    creator = serializers.CharField()
    version = serializers.IntegerField()
    scan_depth = serializers.IntegerField(allow_null=True)
    token_budget = serializers.IntegerField(allow_null=True)
    recursive_scanning = serializers.BooleanField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def described(lorebook: Lorebook, book: Book) -> dict[str, Any]:
    """The lorebook as the wire shows it."""
    shown = {
        "entries": book.entries,
        "public": lorebook.visibility == Project.Visibility.PUBLIC,
        "tags": [tag.name for tag in lorebook.tags.all()],
        "creator": lorebook.owner.handle,
        "version": lorebook.number,
        **{name: getattr(book, name) for name in _BOOK_FIELDS},
    }
    names = LorebookSerializer().fields.keys() - shown.keys()
    whole: Any = {**{name: getattr(lorebook, name) for name in names}, **shown}
    return dict(LorebookSerializer(whole).data)


class CreatedSerializer(serializers.Serializer[Lorebook]):
    """A lorebook without its entries."""

    id = serializers.IntegerField()
    uid = serializers.CharField()
    name = serializers.CharField()
    entry_count = serializers.IntegerField()
    token_count = serializers.IntegerField()
    version = serializers.IntegerField(source="number")
    created_at = serializers.DateTimeField()


# A dry run


class SaidSerializer(serializers.Serializer[Any]):
    """One message. `name` says who; without it the role does, `assistant` being the character."""

    role = serializers.CharField(required=False, max_length=20)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    content = serializers.CharField(
        allow_blank=True, trim_whitespace=False, max_length=TEXT_CHARS_MOST
    )


class ScanSettingsSerializer(serializers.Serializer[Any]):
    """What differs from one's own scan settings. Depths in messages; the budget in tokens."""

    scan_depth = serializers.IntegerField(required=False)
    include_names = serializers.BooleanField(required=False)
    recursive = serializers.BooleanField(required=False)
    max_recursion_steps = serializers.IntegerField(required=False)
    min_activations = serializers.IntegerField(required=False)
    min_activations_depth_max = serializers.IntegerField(required=False)
    case_sensitive = serializers.BooleanField(required=False)
    match_whole_words = serializers.BooleanField(required=False)
    use_group_scoring = serializers.BooleanField(required=False)
    insertion_strategy = serializers.IntegerField(required=False)
    budget_tokens = serializers.IntegerField(required=False)


class DryRunSerializer(serializers.Serializer[Any]):
    """A text or messages to scan. In a text, lines "Name: words" begin a message each.

    `character_id` (number or uid) gives `{{char}}`, the tags and the texts that entries may ask
    to see. The same `seed` gives the same luck.
    """

    text = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=TEXT_CHARS_MOST
    )
    messages = serializers.ListField(
        child=SaidSerializer(), required=False, max_length=MESSAGES_MOST
    )
    settings = ScanSettingsSerializer(required=False)
    character_id = serializers.CharField(required=False, allow_blank=True, max_length=40)
    seed = serializers.CharField(required=False, allow_blank=True, max_length=200)


class WhereSerializer(serializers.Serializer[Any]):
    """Where a key was found: in a message (0 is the newest) or in another kind of text."""

    kind = serializers.CharField()
    message = serializers.IntegerField(allow_null=True)


class VerdictSerializer(serializers.Serializer[Any]):
    """What became of one entry: the rule that decided, and the same as a sentence."""

    uid = serializers.IntegerField()
    title = serializers.CharField()
    activated = serializers.BooleanField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    key = serializers.CharField()
    where = WhereSerializer(allow_null=True)
    scan = serializers.IntegerField()
    tokens = serializers.IntegerField()


class PlacedSerializer(serializers.Serializer[Any]):
    """The text of one entry at its place."""

    uid = serializers.IntegerField()
    text = serializers.CharField()
    tokens = serializers.IntegerField()


class SlotSerializer(serializers.Serializer[Any]):
    """One place of the prompt and its texts from above to below."""

    slot = serializers.CharField()
    depth = serializers.IntegerField(allow_null=True)
    role = serializers.CharField(allow_null=True)
    from_start = serializers.BooleanField()
    entries = PlacedSerializer(many=True)


class DryRunResultSerializer(serializers.Serializer[Any]):
    """`activated` are entries in the order of activation; `verdicts` has every entry.

    `slow_keys` maps patterns that ran out of time to what happened to them. `is_cut_short` says
    that the scan had become too long and ended: what it had not reached was not looked at.
    """

    activated = serializers.ListField(child=serializers.IntegerField())
    slots = SlotSerializer(many=True)
    verdicts = VerdictSerializer(many=True)
    tokens = serializers.IntegerField()
    is_over_budget = serializers.BooleanField()
    is_cut_short = serializers.BooleanField()
    slow_keys = serializers.DictField(child=serializers.CharField())
