"""What was imported already."""

from accounts.models import User
from catalog.models import ImportedFile


def find_target(owner: User, kind: str, digest: str) -> str | None:
    """The uid that a file became when it was imported; None if it never was."""
    rows = ImportedFile.objects.filter(owner=owner, kind=kind, digest=digest)
    return rows.values_list("target", flat=True).first()


def note_import(*, owner: User, kind: str, digest: str, target: str = "") -> None:
    """Remember it. Call in the transaction that stores it; what stood there is replaced."""
    ImportedFile.objects.update_or_create(
        owner=owner, kind=kind, digest=digest, defaults={"target": target}
    )
