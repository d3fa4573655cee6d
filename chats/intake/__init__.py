"""Taking in what people bring: cards, lorebooks, personas, chats, whole SillyTavern folders.

Every file is stored on its own, in one transaction with a note that it was, so that an import
that broke off goes on where it stopped and one that is repeated changes nothing.
"""

from chats.intake.folder import take_folder
from chats.intake.outcomes import Outcome, Status
from chats.intake.plain import take_files
from chats.intake.sources import Source, source_at
from chats.intake.taking import Taker

__all__ = ["Outcome", "Source", "Status", "Taker", "source_at", "take_files", "take_folder"]
