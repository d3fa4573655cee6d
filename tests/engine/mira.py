"""One character and one chat, whole: what the tests of prompts start from."""

import msgspec

from engine.assemble import (
    Budget,
    CharacterParts,
    Covered,
    HistoryMessage,
    LoreParts,
    PersonaParts,
    Piece,
    Preferences,
    PromptParts,
    Recalled,
)
from engine.parts import lines_of

WIDE = Budget(8192, 512)
MIRA = CharacterParts(
    name="Mira Vale",
    spoken_name="Mira",
    description="{{char}} keeps a lighthouse. She calls {{user}} her guest.",
    personality="dry, patient",
    scenario="<USER> has come in from the storm.",
    mes_example="<START>\n{{user}}: Cold?\n{{char}}: Always.\n<START>\n{{char}}: Sit.",
    system_prompt="Write as {{char}}. {{original}}",
    post_history_instructions="Stay in the lighthouse, {{char}}. {{original}}",
)
TALK = (
    HistoryMessage("assistant", "Come in, then.", "m1"),
    HistoryMessage("user", "Thank you. What is {{char}}?", "m2"),
    HistoryMessage("assistant", "A lamp that needs oil.", "m3"),
    HistoryMessage("user", "I'll help.", "m4"),
)


def piece(text, number, order=100, *, first=False):
    return Piece(text, f"lorebook:w.{number}", order, first)


def fact(text, number, score=1.0):
    uid = f"f{number}"
    return Recalled(
        text=text, source=f"memory:{uid}", kind="memory", score=score, uids=(uid,), place=number
    )


def chat(**changes):
    return PromptParts(**{"character": MIRA, "user_name": "Tom", "history": TALK, **changes})


FULL = chat(
    persona=PersonaParts("Tom is a sailor."),
    scenario_context="The lamp has gone out; {{user}} holds the matches.",
    preferences=Preferences("mild", "first_person", "short"),
    lore=LoreParts(
        before=(piece("The coast is called Hollow Shore.", 1),),
        after=(piece("The lamp burns clear oil.", 2, 50), piece("Oil is dear.", 3, 90)),
    ),
    memories=(fact("Tom fears gulls.", 2, 1.5), fact("Tom owes Mira a coat.", 1, 0.5)),
    summaries=(Covered(first=0, last=-1, text="They met at the pier.", uid="s1"),),
    prefill="*Mira lifts",
)


def lines(prompt):
    """The layout of a prompt message by message, as it is read back."""
    return lines_of(msgspec.to_builtins(prompt.manifest)["layout"])
