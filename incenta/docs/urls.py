"""What anybody may read."""

from django.urls import path
from django.views.generic import RedirectView

from . import pages

urlpatterns = [
    path("docs", pages.index, name="docs"),
    path("docs/search", pages.search, name="docs_search"),
    path("docs/console", pages.console, name="docs_console"),
    path("docs/reference", pages.overview, name="docs_reference"),
    path("docs/reference/events", pages.events, name="docs_events"),
    path("docs/reference/<slug:slug>", pages.resource, name="docs_resource"),
    path("docs/<slug:slug>.md", pages.markdown, name="docs_markdown"),
    path("docs/<slug:slug>", pages.page, name="docs_page"),
    path("docs/<slug:folder>/<path:name>", pages.attachment, name="docs_attachment"),
    path("docs/", RedirectView.as_view(pattern_name="docs", permanent=True)),
    path("llms.txt", pages.for_models, name="llms"),
]
