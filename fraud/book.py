"""All that people have said of an app's fraud beforehand — settings, rule sets, lists, mutes — read once and kept in the process.

Whoever looks at the evidence selects ``VERSION`` in the read that it makes anyway and asks ``at(app, version)``: a change made by
any process is seen by the very next look, and costs a statement only then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final

from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined

from .list_matcher import Matcher
from .models import FraudChange, FraudSettings, RuleSet, RuleSetState
from .muted import Muted
from .weights import Weights, built_in, from_rules

VERSION: Final = "coalesce((SELECT version FROM fraud_fraudsettings WHERE app_id = %(app_id)s), 0)"
"""A scalar for a statement of the caller's own, which binds ``app_id``."""


@dataclass(frozen=True, slots=True)
class Settings:
    coin_hold_at: int
    watch_at: int
    two_person: bool
    sample_per_thousand: int


@dataclass(frozen=True, slots=True)
class Book:
    app_id: str
    version: int
    settings: Settings
    by_campaign: Mapping[str, Weights]
    """Campaign's id → its own weights; "" → the app's."""
    lists: Matcher
    muted: Muted

    def weights(self, campaign_id: str | None = None) -> Weights:
        """A campaign's own weights, or the app's."""
        return self.by_campaign.get(campaign_id or "") or self.by_campaign[""]


_kept: dict[str, Book] = {}
_lists: dict[str, tuple[int, Matcher]] = {}
"""Beside the books: lists may be long, and other things change oftener."""
_lock = Lock()
_MOST_KEPT: Final = 1_000
MOST_CHANGES: Final = 500
"""Changes since the lists were read, up to which only what changed is read."""


def kept(app: App) -> Book:
    """As this process last read it."""
    return _kept.get(app.pk) or fresh(app)


def at(app: App, version: int) -> Book:
    """At the version that was just read beside something else; read anew only where it is another one."""
    book = _kept.get(app.pk)
    return book if book is not None and book.version == version else fresh(app)


def current(app: App) -> Book:
    """As it stands now: one statement, and more only where it has changed."""
    return at(app, _version(app))


def fresh(app: App) -> Book:
    """As it stands now, read anew. Lists are read again only where a list has changed."""
    while True:
        book = _read(app)
        if book.version == _version(app):  # else somebody changed it between the reads
            break
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
            _lists.clear()
        _kept[app.pk] = book
    return book


def forget(app: App) -> None:
    """Drops what this process has kept. Other processes notice the version."""
    with _lock:
        _kept.pop(app.pk, None)


def _version(app: App) -> int:
    return FraudSettings.objects.filter(app=app).values_list("version", flat=True).first() or 0


def _read(app: App) -> Book:
    row = FraudSettings.objects.filter(app=app).first() or FraudSettings(app=app)
    return Book(
        app_id=app.pk,
        version=row.version,
        settings=Settings(row.coin_hold_at, row.watch_at, row.two_person, row.sample_per_thousand),
        by_campaign=_weights(app),
        lists=_lists_at(app, row.lists_version),
        muted=Muted.read(app),
    )


def _lists_at(app: App, version: int) -> Matcher:
    found = _lists.get(app.pk)
    if found is None or found[0] > version or version - found[0] > MOST_CHANGES:
        found = (version, Matcher.read(app))
    elif found[0] < version:
        changes = app.fraud_changes.filter(noun=FraudChange.Noun.LIST, version__gt=found[0], version__lte=version)
        ids = {one for pair in changes.values_list("subject_id", "data__replaces") for one in pair if one}
        found = (version, found[1].read_again(app, ids))
    _lists[app.pk] = found
    return found[1]


def _weights(app: App) -> dict[str, Weights]:
    """Every scope's active weights, each with the shadow that watches it. The app's shadow also watches the campaigns that
    follow the app's rules; a campaign with rules of its own is watched by its own shadow alone."""
    active: dict[str, RuleSet] = {}
    shadows: dict[str, Weights] = {}
    for rule_set in app.fraud_rule_sets.filter(state__in=(RuleSetState.ACTIVE, RuleSetState.SHADOW)):
        if rule_set.state == RuleSetState.ACTIVE:
            active[rule_set.campaign_id] = rule_set
        else:
            shadows[rule_set.campaign_id] = from_rules(rule_set.version, rule_set.rules)
    found = {}
    for scope in {"", *active, *shadows}:
        own = active.get(scope) or active.get("")
        shadow = shadows.get(scope) or (None if scope in active else shadows.get(""))
        said = (own.version, own.rules) if own else (0, {})
        found[scope] = from_rules(*said, shadow) if own or shadow else built_in()
    return found


class Amendment:
    """The app's settings, locked: what is changed meanwhile takes effect at once for everybody."""

    def __init__(self, app: App, settings: FraudSettings):
        self.app, self.settings, self.now = app, settings, clock.now(app)
        self.changes: list[FraudChange] = []

    def note(self, noun: str, subject_id: str, kind: str, actor: str, data: dict | None = None) -> None:
        """Notes a change, which raises the version: everybody reads the book again."""
        self.settings.version += 1
        if noun == FraudChange.Noun.LIST:
            self.settings.lists_version = self.settings.version
        self.changes.append(
            FraudChange(
                app=self.app,
                version=self.settings.version,
                noun=noun,
                subject_id=subject_id,
                kind=kind,
                data=data or {},
                actor=actor[:120],
                at=self.now,
            )
        )


@contextmanager
def amending(app: App) -> Iterator[Amendment]:
    """Inside, settings, rules, lists and mutes may be changed: one writer an app at a time."""
    with transaction_joined():
        FraudSettings.objects.get_or_create(app=app)
        amendment = Amendment(app, FraudSettings.objects.select_for_update().get(app=app))
        yield amendment
        if amendment.changes:
            amendment.settings.save()
            FraudChange.objects.bulk_create(amendment.changes)
            forget(app)
