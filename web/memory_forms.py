"""Forms of memories and summaries."""

from typing import Any, Final

from django import forms

from core.text import clean
from memory.models import TEXT_CHARS, Memory
from memory.revising import SUMMARY_CHARS_MOST
from memory.rows import IMPORTANCE_MOST

_EVERYWHERE: Final = [("character", "All my chats with this character"), ("chat", "This chat only")]


class WordsField(forms.CharField):
    """Multi-line text of bounded length, its line ends unified before it is counted."""

    def __init__(self, *, rows: int, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "class": "prose-field"})
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> str:
        return clean(str(super().to_python(value) or "").replace("\r\n", "\n"))


class NewMemoryForm(forms.Form):
    """A fact to remember. `scope` is asked only from within a chat."""

    text = WordsField(label="Something to remember", max_length=TEXT_CHARS, rows=2)
    scope = forms.ChoiceField(label="Where it holds", choices=_EVERYWHERE, initial="character")

    def __init__(self, *args: Any, in_chat: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not in_chat:
            del self.fields["scope"]


class MemoryForm(forms.Form):
    """One memory as its page changes it."""

    text = WordsField(label="What is remembered", max_length=TEXT_CHARS, rows=2)
    importance = forms.IntegerField(
        min_value=1,
        max_value=IMPORTANCE_MOST,
        help_text="1 to 10. The higher, the sooner it comes to mind.",
    )
    pinned = forms.BooleanField(
        required=False, label="Pinned: in every prompt, whatever the talk is about"
    )


def form_of(memory: Memory, data: Any = None) -> MemoryForm:
    initial = {
        "text": memory.text,
        "importance": memory.importance,
        "pinned": memory.pinned,
    }
    return MemoryForm(data, initial=initial)


class SummaryForm(forms.Form):
    """The words of one summary."""

    text = WordsField(label="What happened", max_length=SUMMARY_CHARS_MOST, rows=6)


class CarryForm(forms.Form):
    """What a new chat begins with."""

    text = WordsField(
        required=False,
        label="What happened so far",
        max_length=SUMMARY_CHARS_MOST,
        rows=10,
        help_text="It stands before everything in the new chat. Change or empty it as you like.",
    )
    memories = forms.MultipleChoiceField(
        required=False, label="What only this chat knows", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, memories: list[Memory], **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["memories"]
        field.choices = [(memory.uid, memory.text) for memory in memories]
