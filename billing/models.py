"""The tables of the ledger. All amounts are integer micro-credits; 1,000,000 are one credit."""

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from core.ids import new_uid

MICRO = 1_000_000
# Two such sums still fit a 64-bit integer, so no addition can overflow.
AMOUNT_MOST = 10**12 * MICRO
BALANCE_MOST = 4 * AMOUNT_MOST
# What a plan allows unless it says otherwise.
REQUESTS_PER_MINUTE = 600
CONCURRENCY = 64


class Plan(models.Model):
    """Monthly credits and limits. One plan is the default: that of people who have none."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    monthly_credits = models.PositiveBigIntegerField(default=0)
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=REQUESTS_PER_MINUTE,
        help_text="Of one person, over the API and in turns on the pages. Empty or 0: no limit.",
    )
    concurrency = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=CONCURRENCY,
        help_text="Replies of one person at the same time. Empty or 0: no limit.",
    )
    price_id = models.CharField(max_length=80, blank=True, help_text="Of Stripe, if it is sold.")
    rank = models.PositiveSmallIntegerField(
        default=0, help_text="A model may ask for a plan of at least some rank. 0 is the lowest."
    )
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=Q(is_default=True), name="billing_default_plan"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """One balance per user. Changed only by `billing.ledger`, by conditional updates.

    `plan` null is the default plan; a budget that is null is none.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="account"
    )
    balance_micro = models.BigIntegerField(default=0)
    held_micro = models.BigIntegerField(default=0)
    plan = models.ForeignKey(
        Plan, null=True, blank=True, on_delete=models.PROTECT, related_name="accounts"
    )
    plan_until = models.DateTimeField(null=True, blank=True)
    budget_day_micro = models.PositiveBigIntegerField(null=True, blank=True)
    budget_month_micro = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(held_micro__gte=0), name="billing_held_positive"),
            models.CheckConstraint(
                condition=Q(balance_micro__gte=F("held_micro")), name="billing_balance_covers_held"
            ),
            models.CheckConstraint(
                condition=Q(balance_micro__lte=BALANCE_MOST), name="billing_balance_most"
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
    account = models.ForeignKey(
        Account, db_index=False, on_delete=models.PROTECT, related_name="holds"
    )
    api_key = models.CharField(max_length=24, blank=True, default="")
    amount_micro = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = (
            # The open ones are few: also without an account they are soon looked through.
            models.Index(
                fields=("account", "expires_at"),
                condition=Q(state="open"),
                name="billing_holds_open",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(amount_micro__gte=0), name="billing_hold_positive"),
        )

    def __str__(self) -> str:
        return self.key


class LedgerEntry(models.Model):
    """One movement of credits. Append-only; a correction is a new entry.

    A refund names the charge that it gives back. An entry that a voucher or a purchase caused
    names it. The database refuses to change or delete rows of this table.
    """

    class Kind(models.TextChoices):
        GRANT = "grant"
        PURCHASE = "purchase"
        PLAN = "plan"
        VOUCHER = "voucher"
        CHARGE = "charge"
        REFUND = "refund"
        ADJUSTMENT = "adjustment"

    key = models.CharField(max_length=120, unique=True)
    account = models.ForeignKey(
        Account, db_index=False, on_delete=models.PROTECT, related_name="entries"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    amount_micro = models.BigIntegerField()
    # Few rows have one of these, and every turn writes a row: their indexes are partial.
    charge = models.ForeignKey(
        "Charge", null=True, blank=True, db_index=False, on_delete=models.PROTECT,
        related_name="refunds",
    )  # fmt: skip
    voucher = models.ForeignKey(
        "Voucher", null=True, blank=True, db_index=False, on_delete=models.PROTECT,
        related_name="entries",
    )  # fmt: skip
    purchase = models.ForeignKey(
        "Purchase", null=True, blank=True, db_index=False, on_delete=models.PROTECT,
        related_name="entries",
    )  # fmt: skip
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "ledger entries"
        indexes = (
            models.Index(fields=("account", "-id"), name="billing_entries_by_account"),
            models.Index(
                fields=("charge",), condition=Q(charge__isnull=False), name="billing_refunds"
            ),
            models.Index(
                fields=("purchase",), condition=Q(purchase__isnull=False), name="billing_bought"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("voucher", "account"),
                condition=Q(voucher__isnull=False),
                name="billing_voucher_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="charge", amount_micro__lt=0)
                | (Q(kind="adjustment") & ~Q(amount_micro=0))
                | (~Q(kind__in=("charge", "adjustment")) & Q(amount_micro__gt=0)),
                name="billing_entry_sign",
            ),
            models.CheckConstraint(
                condition=Q(kind="refund", charge__isnull=False)
                | (~Q(kind="refund") & Q(charge__isnull=True)),
                name="billing_refund_names_charge",
            ),
            models.CheckConstraint(
                condition=Q(kind="voucher", voucher__isnull=False)
                | (~Q(kind="voucher") & Q(voucher__isnull=True)),
                name="billing_entry_names_voucher",
            ),
            models.CheckConstraint(
                condition=~Q(kind="purchase") | Q(purchase__isnull=False),
                name="billing_entry_names_purchase",
            ),
        )

    def __str__(self) -> str:
        return self.key


class Charge(models.Model):
    """The priced record of one piece of work: what a ledger entry of kind `charge` was for.

    That entry's key is this key after `charge:`. `refunded_micro` is the sum of its refunds.
    """

    key = models.CharField(max_length=100, unique=True)
    account = models.ForeignKey(
        Account, db_index=False, on_delete=models.PROTECT, related_name="charges"
    )
    model = models.CharField(max_length=200)
    prompt_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField()
    input_multiplier_micro = models.PositiveBigIntegerField()
    output_multiplier_micro = models.PositiveBigIntegerField()
    amount_micro = models.BigIntegerField()
    refunded_micro = models.BigIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_micro__gte=0), name="billing_charge_positive"
            ),
            models.CheckConstraint(
                condition=Q(refunded_micro__gte=0, refunded_micro__lte=F("amount_micro")),
                name="billing_refunds_within_charge",
            ),
        )

    def __str__(self) -> str:
        return self.key


class Usage(models.Model):
    """What was used, by whom, where: also for work that cost nothing. Uids, no foreign keys up."""

    key = models.CharField(max_length=100, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, db_index=False, on_delete=models.CASCADE, related_name="usage"
    )
    api_key = models.CharField(max_length=24, blank=True)
    surface = models.CharField(max_length=8)
    character = models.CharField(max_length=24, blank=True)
    model = models.CharField(max_length=200)
    prompt_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField()
    amount_micro = models.BigIntegerField()
    estimated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (
            models.Index(fields=("user", "-created_at"), name="billing_usage_by_user"),
            models.Index(fields=("created_at",), name="billing_usage_by_time"),
        )

    def __str__(self) -> str:
        return self.key


class Voucher(models.Model):
    """A code that gives credits to whoever enters it, so many times, each person once.

    Only a digest of the code is stored; it is shown once, to the operator who makes it.
    """

    prefix = models.CharField(max_length=8, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    amount_micro = models.PositiveBigIntegerField()
    uses_most = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(uses__lte=F("uses_most")), name="billing_voucher_uses"
            ),
            models.CheckConstraint(condition=Q(amount_micro__gt=0), name="billing_voucher_amount"),
        )

    def __str__(self) -> str:
        return f"{self.prefix}…"


class Pack(models.Model):
    """An amount of credits that is sold. `price_cents` counts the smallest unit of the currency."""

    credits = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    price_cents = models.PositiveBigIntegerField(
        validators=[MinValueValidator(1)],
        help_text="In the smallest unit of the currency: 500 is 5.00 USD, and 500 JPY.",
    )
    currency = models.CharField(
        max_length=3,
        default="usd",
        validators=[RegexValidator(r"^[a-z]{3}$", "Three small letters, please: usd, eur, jpy.")],
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("credits", "id")

    def __str__(self) -> str:
        return f"{self.credits:,} credits"


class Purchase(models.Model):
    """Something that was bought through Stripe: credits, or a plan.

    `uid` is our name for it, which Stripe repeats; `session` is Stripe's id of the checkout and
    `payment` that of the payment. Credits are given once, when it is paid. `refunded_cents` is how
    much of the price was paid back so far.
    """

    class State(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"
        REFUNDED = "refunded"

    uid = models.CharField(max_length=24, unique=True, default=new_uid, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="purchases")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    credits_micro = models.PositiveBigIntegerField(default=0)
    plan = models.ForeignKey(Plan, null=True, blank=True, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3, blank=True)
    price_cents = models.PositiveBigIntegerField(default=0)
    refunded_cents = models.PositiveBigIntegerField(default=0)
    session = models.CharField(max_length=120, blank=True)
    payment = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("payment",), condition=~Q(payment=""), name="billing_purchase_payment"
            ),
        )

    def __str__(self) -> str:
        return self.uid


class Subscription(models.Model):
    """A plan that is paid for month by month, as Stripe last told us.

    Messages come in any order: `told_at` (Unix seconds), then `status`, say which one is newer.
    """

    uid = models.CharField(max_length=120, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, null=True, blank=True, on_delete=models.PROTECT)
    customer = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=30)
    until = models.DateTimeField(null=True, blank=True)
    told_at = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.uid


class PaymentEvent(models.Model):
    """A message of Stripe that was taken in: each counts once."""

    uid = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.uid
