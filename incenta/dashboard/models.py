"""What a person keeps at the desk: views of lists, and notices put away."""

from django.conf import settings
from django.db import models

from incenta.accounts.models import App


class SavedView(models.Model):
    """A list as somebody wants to see it again: its filters and order, under a name of his."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="saved_views", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views", db_index=False
    )
    page = models.CharField(max_length=200, db_collation="C", help_text="The list's path below its app: rewards/")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, db_collation="C", help_text="Canonical: nothing empty, no page number.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "user", "page", "name"], name="saved_view_name")]

    def __str__(self) -> str:
        return f"{self.name}: {self.page}?{self.query}"


class Dismissal(models.Model):
    """A notice that somebody has put away. Notices are computed; once one says something else, it is another one."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    notice = models.CharField(max_length=32, db_collation="C", help_text="Hash of what it says and where it leads.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "user", "notice"], name="dismissal_once")]

    def __str__(self) -> str:
        return f"{self.user_id} put {self.notice} away"
