"""A person on hold: new coins are not awarded and none are spent until the case is decided."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .case import Case


class PersonHold(models.Model):
    id = IdField(prefix="phd")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="fraud_person_holds", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="person_holds", db_constraint=False)
    placed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "user_id", "case"], condition=Q(released_at=None), name="person_hold_once_a_case"
            ),
        ]

    def __str__(self) -> str:
        return self.user_id
