"""The documents in ``docs/``: which there are, in which order, and what each says."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from . import markdown

FOLDER = Path(settings.BASE_DIR) / "docs"
CONTENTS = (
    ("Start", ("quickstart", "authentication", "idempotency", "errors", "limits", "sandbox")),
    ("Guides", ("referrals", "incentives", "marketplace", "webhooks", "fraud", "widgets", "clients", "people")),
)
LAST = "Running it"
"""The group of every other document: those for whoever operates an installation first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the contents."""

    slug: str
    title: str
    lead: str
    headings: tuple[markdown.Heading, ...]

    @property
    def url(self) -> str:
        return reverse("docs_page", args=[self.slug])


def slugs() -> list[tuple[str, list[str]]]:
    """Groups and the names of their documents, as far as the files are there."""
    there = {file.stem for file in FOLDER.glob("*.md")}
    named = {slug for _, group in CONTENTS for slug in group}
    groups = [(label, [slug for slug in group if slug in there]) for label, group in CONTENTS]
    return [group for group in [*groups, (LAST, sorted(there - named, key=_for_operators))] if group[1]]


def _for_operators(slug: str) -> tuple[bool, str]:
    return not slug.startswith("operate"), slug


def source(slug: str) -> str | None:
    """The Markdown of a document, or ``None`` where there is none of this name."""
    file = _file(slug)
    return file.read_text() if file else None


def document(slug: str) -> markdown.Text | None:
    """A document as markup, made once a process and again when its file has changed."""
    file = _file(slug)
    return _rendered(slug, file.stat().st_mtime_ns) if file else None


def contents() -> list[tuple[str, list[Entry]]]:
    """The table of contents, by group."""
    return [(label, [entry(slug) for slug in group]) for label, group in slugs()]


def entry(slug: str) -> Entry:
    """The line of a document that is there."""
    return _entry(slug, (FOLDER / f"{slug}.md").stat().st_mtime_ns)


def attachment(folder: str, name: str) -> Path | None:
    """A file in a folder beside the documents: a picture that they show, a file that they speak of."""
    files = (FOLDER / folder).rglob("*")
    return next(
        (file for file in files if file.is_file() and file.relative_to(FOLDER / folder).as_posix() == name), None
    )


def _file(slug: str) -> Path | None:
    return next((file for file in FOLDER.glob("*.md") if file.stem == slug), None)


@lru_cache(maxsize=100)
def _rendered(slug: str, changed: int) -> markdown.Text:
    return markdown.render((FOLDER / f"{slug}.md").read_text(), FOLDER)


@lru_cache(maxsize=100)
def _entry(slug: str, changed: int) -> Entry:
    text = markdown.outline((FOLDER / f"{slug}.md").read_text())
    return Entry(slug, text.title, text.lead, tuple(text.headings))
