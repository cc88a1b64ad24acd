"""A participant: one end user of an app, under the client's own id."""

from django.db import models

from incenta.ids import IdField

from .app import App


class Participant(models.Model):
    """What is known of a person beyond the id that rows of the programmes carry."""

    id = IdField(prefix="usr")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="participants")
    external_id = models.CharField(
        max_length=255, db_collation="C", help_text="The client's own id for this person; never parsed."
    )
    username = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=254, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "external_id"], name="participant_unique")]

    def __str__(self) -> str:
        return self.external_id
