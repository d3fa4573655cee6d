"""What the pages of memories show: facts with their past and their sources, filtered and paged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import prefetch_related_objects

from accounts.models import User
from chats import queries as chats
from chats.models import Chat
from memory.models import Memory, Notebook
from memory.queries import Contents, contents
from memory.standing import Standing

PAGE_SIZE: Final = 50
TABS: Final = {
    "active": "Remembered",
    "proposed": "Waiting for you",
    "superseded": "Corrected",
    "withdrawn": "Set aside",
    "retired": "Forgotten",
}


@dataclass(frozen=True, slots=True)
class Learnt:
    """A message that a fact was learnt from."""

    message: str
    chat: str
    title: str
    live: bool
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A memory as the pages show it. `before` is what it corrects, `after` what corrects it."""

    memory: Memory
    standing: str
    before: str = ""
    after: Memory | None = None
    place: str = ""
    learnt: list[Learnt] = field(default_factory=list)

    @property
    def can_undo(self) -> bool:
        return self.standing in (Standing.RETIRED, Standing.SUPERSEDED)

    @property
    def is_forgotten_by_model(self) -> bool:
        return self.after is not None and not self.after.text

    @property
    def standing_words(self) -> str:
        return TABS[self.standing]


@dataclass(frozen=True, slots=True)
class View:
    """Which facts are shown: as the address says."""

    status: str = "active"
    text: str = ""
    page: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> "View":
        status = query.get("status", "")
        return cls(
            status if status in TABS else "active",
            query.get("q", "").strip()[:200],
            query.get("page", ""),
        )

    def query(self, **changes: str | int) -> str:
        """The address's query with these changes; the first page and the usual are left out."""
        values = {"status": self.status, "q": self.text, **changes}
        usual = {"status": "active", "q": "", "page": 1}
        told = {name: value for name, value in values.items() if value != usual[name]}
        return f"?{urlencode(told)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One way to stand, with how many facts do."""

    words: str
    query: str
    count: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FactList:
    """One page of a notebook's facts. `chat` is set where only what that chat knows is shown."""

    notebook: Notebook
    view: View
    rows: "Page[Memory]"
    facts: list[Fact]
    tabs: list[Tab]
    waiting: int
    chat: Chat | None = None

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing at all yet, however it stands."""
        return not any(tab.count for tab in self.tabs) and not self.view.text

    @property
    def back_query(self) -> str:
        return self.view.query(page=self.rows.previous_page_number())

    @property
    def on_query(self) -> str:
        return self.view.query(page=self.rows.next_page_number())


def build_list(user: User, notebook: Notebook, view: View, *, chat: Chat | None = None) -> FactList:
    """Read a notebook. As many queries for many facts as for one."""
    held = contents(notebook.uid)
    here = held.matching(chat=chat.uid if chat else "")
    counts = dict.fromkeys(TABS, 0)
    for memory in here:
        counts[held.standing[memory.uid]] += 1
    matching = held.matching(status=view.status, text=view.text, chat=chat.uid if chat else "")
    matching.sort(key=lambda memory: not memory.pinned)
    rows = Paginator(matching, PAGE_SIZE).get_page(view.page)
    return FactList(
        notebook=notebook,
        view=view,
        rows=rows,
        facts=build_facts(user, held, rows.object_list),
        tabs=[
            Tab(
                words=words,
                query=view.query(status=status),
                count=counts[status],
                is_open=status == view.status,
            )
            for status, words in TABS.items()
            if counts[status] or status in ("active", view.status)
        ],
        waiting=counts["proposed"],
        chat=chat,
    )


def build_facts(user: User, held: Contents, memories: Iterable[Memory]) -> list[Fact]:
    """These memories with what they correct and where they come from. Two queries."""
    memories = list(memories)
    prefetch_related_objects(memories, "sources")
    named = {source.chat for memory in memories for source in memory.sources.all()}
    named |= {memory.chat for memory in memories if memory.chat}
    rows = chats.owned_by(user).filter(uid__in=named)
    titles = {chat.uid: chat.title or f"a talk with {chat.character.name}" for chat in rows}
    return [_fact(held, memory, titles) for memory in memories]


def _fact(held: Contents, memory: Memory, titles: Mapping[str, str]) -> Fact:
    above, below = held.above(memory)[:1], held.below(memory)
    after = [row for row in below if held.standing[row.uid] == Standing.ACTIVE]
    return Fact(
        memory=memory,
        standing=held.standing[memory.uid],
        before=above[0].text if above else "",
        after=after[-1] if after else None,
        place=titles.get(memory.chat, ""),
        learnt=[
            Learnt(source.message, source.chat, titles[source.chat], source.live, source.stale)
            for source in memory.sources.all()
            if source.chat in titles
        ],
    )
