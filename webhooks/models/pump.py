"""Who sends webhooks at this moment: what a dead pump held is taken back once it has been missed for some seconds."""

from django.db import models


class Pump(models.Model):
    """A process that claims deliveries: its row comes before its first claim, is renewed every second, and goes with it.
    The statements that write it are in ``webhooks/queue.py``."""

    id = models.UUIDField(primary_key=True, help_text="What its deliveries are leased under.")
    seen_at = models.DateTimeField()
    silent_since = models.DateTimeField(
        null=True, help_text="When another pump found that it had not been heard for long."
    )

    def __str__(self) -> str:
        return str(self.id)
