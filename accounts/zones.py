"""The time zone that a person has chosen."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from accounts.models import User
from core.errors import Invalid


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """The names of the IANA database. Looking for them reads hundreds of files."""
    return frozenset(available_timezones() - {"localtime"})


def zone_name(user: User) -> str:
    """The name of the person's zone; "" if none is known."""
    name = user.preferences.get("timezone")
    return name if isinstance(name, str) and name in known_zones() else ""


def zone_of(user: User) -> ZoneInfo:
    """The person's zone, or UTC."""
    return ZoneInfo(zone_name(user) or "UTC")


def checked_zone(name: str) -> str:
    """The name of a time zone, or "" for none. Raises Invalid."""
    name = name.strip()
    if name and name not in known_zones():
        raise Invalid("There is no such time zone. One is Europe/Berlin.", param="timezone")
    return name


def set_zone(user: User, name: str) -> None:
    """Let days begin at this person's midnight. Raises Invalid."""
    user.preferences = {**user.preferences, "timezone": checked_zone(name)}
    user.save(update_fields=["preferences"])
