"""Users, API keys and one-time sign-in links."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from core.ids import new_uid

HANDLE_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,29}$"


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, handle: str, password: str | None = None, *, email: str | None = None, **extra: Any
    ) -> "User":
        """A new row only. `accounts.services.create_user` also opens the account."""
        user = self.model(handle=handle, email=email or None, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, handle: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(handle, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The handle is public and unique without regard to case; e-mail is optional."""

    handle = models.CharField(
        max_length=30,
        unique=True,
        validators=[
            RegexValidator(
                HANDLE_PATTERN, "2 to 30 letters, digits, dots, dashes or underscores, please."
            )
        ],
    )
    display_name = models.CharField(max_length=80, blank=True)
    email = models.EmailField(null=True, blank=True, unique=True)
    bio = models.TextField(blank=True, max_length=2000)
    avatar = models.CharField(max_length=200, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "handle"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (models.UniqueConstraint(Lower("handle"), name="accounts_user_handle_ci"),)

    def __str__(self) -> str:
        return self.handle

    @property
    def name(self) -> str:
        """What characters call this person."""
        return self.display_name or self.handle

    def get_full_name(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A secret that a program presents. Only a digest is stored; the key is shown once.

    `default_character` is a character's uid: characters live above accounts, so it is no
    foreign key.
    """

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    default_character = models.CharField(max_length=24, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("user", "-created_at"), name="accounts_key_by_user"),)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and not self.is_expired

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class SignInLink(models.Model):
    """A link that signs one person in, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link for {self.user_id}"
