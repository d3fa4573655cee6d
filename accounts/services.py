"""Making and changing people."""

import re

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.models import HANDLE_PATTERN, User
from core.errors import Conflict, Invalid


def create_user(
    *,
    handle: str,
    password: str | None = None,
    email: str | None = None,
    display_name: str = "",
    staff: bool = False,
) -> User:
    """A new person. Without a password they can sign in by link only. Raises Invalid, Conflict."""
    if not re.fullmatch(HANDLE_PATTERN, handle):
        raise Invalid(
            "A handle has 2 to 30 letters, digits, dots, dashes or underscores.", param="handle"
        )
    if password is not None:
        try:
            validate_password(password)
        except ValidationError as error:
            raise Invalid(" ".join(error.messages), param="password") from error
    email = _checked_email(email)
    try:
        with transaction.atomic():
            return User.objects.create_user(
                handle,
                password,
                email=email,
                display_name=display_name,
                is_staff=staff,
                is_superuser=staff,
            )
    except IntegrityError as error:
        raise Conflict("That handle or e-mail address is taken.", param="handle") from error


def _checked_email(email: str | None) -> str | None:
    """In lower case, so that one address belongs to one person; None if none was given."""
    email = (email or "").strip().lower()
    if not email:
        return None
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("That is not an e-mail address.", param="email") from error
    return email
