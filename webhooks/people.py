"""What webhooks hold of a person: the bodies that were sent. Those that have arrived, or never will, go with the person."""

from django.db.models import Q

from incenta.accounts import people
from incenta.accounts.people import Person

from .models import ReceivedHook, State, WebhookAttempt, WebhookDelivery, WebhookMessage

ENDED = (State.DELIVERED, State.FAILED, State.QUARANTINED)


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(last=_forget_bodies)


def _forget_bodies(person: Person) -> None:
    """What is on its way is left to arrive: its bytes are signed, and the retention takes it in its time."""
    ids = [subject for subject in person.subjects if subject.startswith("msg_")]
    under_way = WebhookDelivery.objects.filter(app=person.app, message_id__in=ids).exclude(state__in=ENDED)
    ended = sorted(set(ids) - set(under_way.values_list("message_id", flat=True)))
    deliveries = WebhookDelivery.objects.filter(app=person.app, message_id__in=ended)
    WebhookAttempt.objects.filter(app=person.app, delivery__in=deliveries).delete()
    deliveries.delete()
    WebhookMessage.objects.filter(app=person.app, pk__in=ended).delete()
    # a live endpoint may lead to the sandbox's test receiver, too
    received = ReceivedHook.objects.filter(Q(app=person.app) | Q(app__sandbox_of=person.app))
    received.filter(message_id__in=ids).delete()
