"""What happened, for the operator to read. Nobody edits it."""

from django.contrib import admin

from incenta.accounts.admin import Shown

from .models import Event


@admin.register(Event)
class EventAdmin(Shown):
    list_display = ("id", "app", "type", "subject_id", "actor", "occurred_at", "dispatched_at")
    list_select_related = ("app",)
    list_filter = ("type",)
    search_fields = ("=id", "=subject_id", "=app__id")
    ordering = ("-id",)
