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
    """A person. The handle is public and unique without regard to case; e-mail is optional.

    Who is not active is suspended (`accounts.suspension`).
    """

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
        permissions = (("suspend_user", "Can suspend people, and let them in again"),)

    def __str__(self) -> str:
        return self.handle

    @property
    def name(self) -> str:
        """What characters call this person."""
        return self.display_name or self.handle

    def get_full_name(self) -> str:
        return self.name


class Scope(models.TextChoices):
    """What a key may be used for. Each allows its own part only; none contains another."""

    CHAT = "chat", "Chat over the OpenAI API"
    READ = "read", "Read your chats, memories, lorebooks and personas"
    WRITE = "write", "Change these"
    MANAGE = "manage", "See and use your account: credits, purchases, keys"


DEFAULT_SCOPES = f"{Scope.CHAT} {Scope.READ} {Scope.WRITE}"


class ApiKey(models.Model):
    """A secret that a program presents. Only a digest is stored; the key is shown once.

    Rotation gives the same row another secret; the old one works until `old_expires_at`.
    `scopes` are words with spaces between, `allowed_addresses` networks on lines of their own
    (none: from anywhere). `default_character` is a character's uid: characters live above
    accounts, so it is no foreign key.
    """

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    old_prefix = models.CharField(max_length=12, blank=True, editable=False)
    old_digest = models.CharField(max_length=64, null=True, blank=True, unique=True, editable=False)
    old_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    default_character = models.CharField(max_length=24, blank=True)
    scopes = models.CharField(max_length=40, default=DEFAULT_SCOPES)
    allowed_addresses = models.TextField(blank=True)
    budget_day_micro = models.PositiveBigIntegerField(null=True, blank=True)
    budget_month_micro = models.PositiveBigIntegerField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)

    # Of one request, set by `accounts.keys.authenticate` and never stored: the digest of the
    # secret behind it, and the scopes of the token that came in place of the secret.
    presented_digest = ""
    lent: frozenset[str] | None = None

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("user", "-created_at"), name="accounts_key_by_user"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(old_digest=None, old_expires_at=None)
                | models.Q(old_digest__isnull=False, old_expires_at__isnull=False),
                name="accounts_key_old_secret_ends",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_minute=None) | models.Q(requests_per_minute__gte=1),
                name="accounts_key_rate",
            ),
        )
        permissions = (("suspend_apikey", "Can suspend and revoke keys"),)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.suspended_at is None and not self.is_expired

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_overlapping(self) -> bool:
        """Whether the secret before the last rotation still works."""
        return self.old_expires_at is not None and self.old_expires_at > timezone.now()

    @property
    def scope_set(self) -> frozenset[str]:
        return frozenset(self.scopes.split())

    @property
    def granted(self) -> frozenset[str]:
        """What this request may do: a token has at most what its key has now."""
        return self.scope_set if self.lent is None else self.scope_set & self.lent


class SignInLink(models.Model):
    """A link that signs one person in, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link for {self.user_id}"


class AuditEntry(models.Model):
    """What an operator did, to whom and why. Written with the deed, never changed.

    `target` names what it was done to, `before` and `after` hold what changed. The database
    refuses to change or delete rows of this table.
    """

    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=60)
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries"
    )
    target = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=("user", "-id"), name="accounts_audit_by_user"),
            models.Index(fields=("target", "-id"), name="accounts_audit_by_target"),
        )

    def __str__(self) -> str:
        return f"{self.actor}: {self.action}"
