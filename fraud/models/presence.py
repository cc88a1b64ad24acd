"""Who has a case open just now."""

from django.db import models

from incenta.accounts.models import App, User

from .case import Case


class CasePresence(models.Model):
    """One row a person and case, written over and over; what is older than a minute means nothing and is removed.

    It is a note among colleagues, not a lock (that is ``Case.version``), and no record of who worked when.
    """

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    since = models.DateTimeField(help_text="When this visit began. Real time, whatever a sandbox's clock says.")
    seen_at = models.DateTimeField(help_text="When the page last said that it is open.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "case", "user"], name="case_presence_once")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.case_id}"
