"""The tables of the ledger. All amounts are integer micro-credits; 1,000,000 are one credit."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

MICRO = 1_000_000


class Account(models.Model):
    """One balance per user. Changed only by `billing.ledger`, by conditional updates."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="account"
    )
    balance_micro = models.BigIntegerField(default=0)
    held_micro = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(held_micro__gte=0), name="billing_held_positive"),
            models.CheckConstraint(
                condition=Q(balance_micro__gte=F("held_micro")), name="billing_balance_covers_held"
            ),
        )

    def __str__(self) -> str:
        return f"account {self.pk}"

    @property
    def available_micro(self) -> int:
        return self.balance_micro - self.held_micro


class Hold(models.Model):
    """Credits set aside for work that has begun. Settled or voided exactly once."""

    class State(models.TextChoices):
        OPEN = "open"
        SETTLED = "settled"
        VOIDED = "voided"

    key = models.CharField(max_length=100, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holds")
    amount_micro = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(
                fields=("expires_at",), condition=Q(state="open"), name="billing_open_holds"
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(amount_micro__gte=0), name="billing_hold_positive"),
        )

    def __str__(self) -> str:
        return self.key


class LedgerEntry(models.Model):
    """One movement of credits. Append-only; a correction is a new entry."""

    class Kind(models.TextChoices):
        GRANT = "grant"
        CHARGE = "charge"
        REFUND = "refund"
        ADJUSTMENT = "adjustment"

    key = models.CharField(max_length=120, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    amount_micro = models.BigIntegerField()
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "ledger entries"
        indexes = (models.Index(fields=("account", "-id"), name="billing_entries_by_account"),)

    def __str__(self) -> str:
        return self.key


class Charge(models.Model):
    """The priced record of one piece of work: what a ledger entry of kind `charge` was for."""

    key = models.CharField(max_length=100, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="charges")
    model = models.CharField(max_length=200)
    prompt_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField()
    input_multiplier_micro = models.PositiveBigIntegerField()
    output_multiplier_micro = models.PositiveBigIntegerField()
    amount_micro = models.BigIntegerField()
    estimated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_micro__gte=0), name="billing_charge_positive"
            ),
        )

    def __str__(self) -> str:
        return self.key


class Usage(models.Model):
    """What was used, by whom, where: also for work that cost nothing. Uids, no foreign keys up."""

    key = models.CharField(max_length=100, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="usage"
    )
    api_key = models.CharField(max_length=24, blank=True)
    surface = models.CharField(max_length=8)
    character = models.CharField(max_length=24, blank=True)
    model = models.CharField(max_length=200)
    prompt_tokens = models.PositiveIntegerField()
    completion_tokens = models.PositiveIntegerField()
    amount_micro = models.BigIntegerField()
    estimated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=("user", "-created_at"), name="billing_usage_by_user"),)

    def __str__(self) -> str:
        return self.key
