"""Links: which user was seen with which key. A key is an address, a device, an e-mail …, known here only by its keyed hash."""

from django.db import models

from incenta.accounts.models import App


class KeyKind(models.IntegerChoices):
    IP = 1, "network address"
    DEVICE = 2, "device"
    EMAIL = 3, "e-mail address"
    PHONE = 4, "phone number"
    PAYMENT = 5, "means of payment"
    EMAIL_PATTERN = 6, "pattern of e-mail addresses"
    """Of one referrer's friends: ram17@, ram18@ …"""

    @property
    def is_strong(self) -> bool:
        """Whether two people who share it are probably one, so that it connects a ring."""
        return self not in (KeyKind.IP, KeyKind.EMAIL_PATTERN)


class Link(models.Model):
    """One row a (key, user). Nobody counts into a shared row: how many share a key is read, newest first and capped, so that a
    key of 200,000 users costs no more than a rare one, and no two writers wait for each other."""

    pk = models.CompositePrimaryKey("app_id", "kind", "key", "user_id")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_links", db_constraint=False, db_index=False
    )
    kind = models.SmallIntegerField(choices=KeyKind.choices)
    key = models.BigIntegerField(help_text="The first 64 bits of an HMAC, keyed by app and installation.")
    user_id = models.CharField(max_length=255, db_collation="C")
    # of a device and the like: the referrer of who was seen with it, by which a shop's tablet is told from a cheat's
    companion = models.BigIntegerField(
        null=True, help_text="Of an address: the device, else the user agent, that was first seen with it there."
    )
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["app", "kind", "key", "-first_seen"],
                include=["user_id", "companion"],
                name="link_newest_of_key",
            ),
            models.Index(fields=["app", "user_id"], include=["kind", "key"], name="link_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {KeyKind(self.kind).label}"


class KeyMark(models.Model):
    """What is known of a key as such: that it is a hub (an office, a carrier), or that it was confirmed as a cheat's."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="fraud_key_marks", db_index=False)
    kind = models.SmallIntegerField(choices=KeyKind.choices)
    key = models.BigIntegerField()
    is_hub = models.BooleanField(default=False)
    hub_reason = models.CharField(max_length=200, blank=True)
    is_confirmed = models.BooleanField(default=False, help_text="It belongs to somebody confirmed as a cheat.")
    confirmed_by = models.CharField(max_length=40, blank=True, help_text="The decision.")
    expires_at = models.DateTimeField(null=True)
    marked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "kind", "key"], name="key_mark_of_key")]

    def __str__(self) -> str:
        return f"{KeyKind(self.kind).label} {'hub' if self.is_hub else 'confirmed'}"
