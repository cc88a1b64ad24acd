"""Endpoints that fail for days: who is told, once a level, and when they are disabled."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models.functions import Now
from django.utils import timezone

from incenta.accounts.models import Membership, Role, User
from webhooks import trouble
from webhooks.models import EndpointHealth, State, WebhookDelivery, WebhookEndpoint

from .conftest import dispatch, endpoint_of, happen, make_due, pump, send_all


@pytest.fixture
def team(shop):
    """One of each role; the owner is himal's own."""
    for role in (Role.ADMIN, Role.ANALYST, Role.DEVELOPER):
        user = User.objects.create_user(f"{role.value.lower()}@himal.example", "no password that matters")
        Membership.objects.create(merchant=shop.merchant, user=user, role=role)
    return {
        membership.role: membership.user.email
        for membership in Membership.objects.filter(merchant=shop.merchant).select_related("user")
    }


def failing_for(endpoint, hours: float, given_up: int = 0) -> None:
    EndpointHealth.objects.filter(endpoint=endpoint).update(
        first_failure_at=Now() - timedelta(hours=hours), consecutive_failures=50
    )
    happen(endpoint.app, count=given_up)
    dispatch()
    WebhookDelivery.objects.filter(endpoint=endpoint, state=State.PENDING).update(state=State.FAILED, done_at=Now())


def mails() -> list[tuple[str, str]]:
    """(to, subject) of what was sent since it was asked last."""
    sent = sorted((one.to[0], one.subject) for one in mail.outbox)
    mail.outbox.clear()
    return sent


def test_those_who_manage_webhooks_are_told_after_a_day_and_after_two(shop, receiver, team):
    endpoint, _ = endpoint_of(shop, receiver.url("/hooks?v=1&w=2"))
    failing_for(endpoint, 23.9)
    trouble.look()
    assert mails() == []

    failing_for(endpoint, 24.1)
    trouble.look()
    text = mail.outbox[0].body
    subject = "Your webhook endpoint has been failing for 1 day"
    assert mails() == sorted((team[role], subject) for role in (Role.OWNER, Role.ADMIN, Role.DEVELOPER))
    assert receiver.url("/hooks?v=1&w=2") in text, "not escaped as in a page"
    assert f"/dashboard/{shop.pk}/webhooks/{endpoint.pk}/" in text
    trouble.look()
    assert mails() == [], "once a level"

    failing_for(endpoint, 48.1)
    trouble.look()
    trouble.look()
    assert {subject for _, subject in mails()} == {"Your webhook endpoint has been failing for 2 days"}
    endpoint.refresh_from_db()
    assert endpoint.is_active


def test_after_three_days_and_ten_given_up_it_is_disabled_and_its_people_are_told(shop, receiver, team):
    endpoint, _ = endpoint_of(shop, receiver.url())
    well, _ = endpoint_of(shop, receiver.url("/well"), ["REWARD_CLAIMED"])
    failing_for(endpoint, 73, given_up=9)
    trouble.look()
    endpoint.refresh_from_db()
    assert endpoint.is_active, "one is missing"
    mails()

    failing_for(endpoint, 73, given_up=1)
    happen(shop, count=2)
    dispatch()
    trouble.look()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing")
    assert endpoint.disabled_at
    assert WebhookDelivery.objects.filter(endpoint=endpoint, state=State.HELD).count() == 2
    assert {subject for _, subject in mails()} == {"Your webhook endpoint has been disabled"}
    trouble.look()
    assert mails() == []
    assert WebhookEndpoint.objects.get(pk=well.pk).is_active


def test_a_success_in_between_begins_anew(shop, receiver, team):
    endpoint, _ = endpoint_of(shop, receiver.url())
    failing_for(endpoint, 73, given_up=10)
    EndpointHealth.objects.update(notified_level=2)
    happen(shop)
    send_all()
    trouble.look()
    endpoint.health.refresh_from_db()

    assert (endpoint.health.first_failure_at, endpoint.health.notified_level) == (None, 0)
    assert mails() == []


def test_tests_and_what_was_given_up_before_do_not_disable(shop, receiver):
    endpoint, _ = endpoint_of(shop, receiver.url())
    failing_for(endpoint, 73, given_up=12)
    WebhookDelivery.objects.filter(pk__in=WebhookDelivery.objects.order_by("id").values("pk")[:6]).update(
        trigger="test"
    )
    WebhookDelivery.objects.filter(trigger="auto").update(done_at=Now() - timedelta(hours=80))

    assert trouble.disable_hopeless() == 0


def test_a_receiver_that_answered_410_is_told_of_at_once(shop, receiver, team):
    endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 410
    happen(shop)
    send_all()
    trouble.look()

    assert "410 Gone" in mail.outbox[0].body
    assert {subject for _, subject in mails()} == {"Your webhook endpoint has been disabled"}


def test_nobody_is_told_of_what_they_paused_or_deleted_themselves(shop, receiver, team):
    for n in range(2):
        endpoint, _ = endpoint_of(shop, receiver.url(f"/{n}"))
        failing_for(endpoint, 50)
        endpoint.change(active=False) if n else endpoint.remove()
    trouble.look()

    assert mails() == []


def test_once_it_is_enabled_again_its_next_trouble_is_told_anew(shop, receiver, team):
    endpoint, _ = endpoint_of(shop, receiver.url())
    receiver.answer = lambda request: 410
    for _ in range(2):
        happen(shop)
        send_all()
        trouble.look()
        assert len(mails()) == 3
        make_due()
        endpoint.change(active=True)


def test_mails_that_cannot_be_sent_are_sent_at_the_next_look(shop, receiver, team, settings):
    endpoint, _ = endpoint_of(shop, receiver.url())
    failing_for(endpoint, 25)
    settings.EMAIL_BACKEND = "nowhere.Backend"
    trouble.look()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    endpoint.health.refresh_from_db()
    assert endpoint.health.notified_level == 0
    trouble.look()

    assert len(mails()) == 3


def test_a_worker_killed_between_the_mail_and_its_note_sends_it_again(shop, receiver, team, monkeypatch):
    endpoint, _ = endpoint_of(shop, receiver.url())
    failing_for(endpoint, 25)
    send = trouble._mail

    def send_and_die(*args):
        send(*args)
        raise SystemExit

    monkeypatch.setattr(trouble, "_mail", send_and_die)
    with pytest.raises(SystemExit):
        trouble.look()
    assert len(mails()) == 3
    monkeypatch.undo()
    trouble.look()
    assert len(mails()) == 3
    trouble.look()
    assert mails() == []


def test_two_looks_at_once_send_once(shop, receiver, team):
    from .conftest import on_own_connection

    endpoint, _ = endpoint_of(shop, receiver.url())
    failing_for(endpoint, 25)
    with trouble._alone() as is_alone:
        assert is_alone
        on_own_connection(trouble.look)
        assert mails() == []
    on_own_connection(trouble.look)

    assert len(mails()) == 3


# -- for the dashboard -----------------------------------------------------------------------------------------------------
def test_the_overview_hears_of_what_was_given_up(shop, rival, receiver, django_assert_num_queries):
    endpoint, _ = endpoint_of(shop, receiver.url("/broken"))
    endpoint_of(shop, receiver.url("/well"), ["REWARD_CLAIMED"])
    assert trouble.endpoints_in_trouble(shop) == []

    receiver.answer = lambda request: 500
    happen(shop)
    dispatch()
    for _ in range(6):
        pump()
        make_due()
    with django_assert_num_queries(1):
        [told] = trouble.endpoints_in_trouble(shop)
    assert (told.endpoint_id, told.url, told.kind, told.given_up) == (endpoint.pk, endpoint.url, "failing", 1)
    assert told.since
    assert trouble.endpoints_in_trouble(rival.app) == []

    receiver.answer = lambda request: 200
    happen(shop)
    make_due()
    send_all()
    [told] = trouble.endpoints_in_trouble(shop)
    assert (told.kind, told.given_up) == ("gave_up", 1)
    WebhookDelivery.objects.filter(state=State.FAILED).update(done_at=timezone.now() - timedelta(hours=25))
    assert trouble.endpoints_in_trouble(shop) == []


def test_the_overview_hears_of_what_was_disabled_but_not_of_what_was_paused(shop, receiver):
    gone, _ = endpoint_of(shop, receiver.url("/gone"))
    receiver.answer = lambda request: 410
    happen(shop)
    send_all()
    paused, _ = endpoint_of(shop, receiver.url("/paused"))
    paused.change(active=False)
    [told] = trouble.endpoints_in_trouble(shop)

    assert (told.endpoint_id, told.kind, told.reason) == (gone.pk, "disabled", "gone")
