"""What a referral, a click and a conversion set off for the referrer in the incentive engine."""

from collections.abc import Iterable
from functools import partial

from incenta import clock
from incenta.accounts.models import App
from incenta.events.models import Event
from incentives import referring_actions, taking_back
from incentives.models import Action
from incentives.referring_actions import Firing

from . import rewarding
from .models import Click, Conversion, Referral
from .models.conversion import ConversionStatus

TYPES = {
    "REFERRAL_CREATED": Action.Type.REFERRAL_CODE_GENERATE,
    "REFERRAL_CLICKED": Action.Type.REFERRAL_CLICK,
    "REFERRAL_CONVERTED": Action.Type.REFERRAL_REFEREE_ACTION,
}


def fire_actions(batch: Iterable[Event]) -> None:
    """After ``REFERRAL_CREATED``, ``_CLICKED`` and ``_CONVERTED``: fires the referrers' actions, but for what is flagged.

    Stands last in the dispatcher's transaction, so that the referrers' wallets are locked for the shortest time.
    """
    told = [event for event in batch if event.type in TYPES]
    referrals = Referral.objects.in_bulk({event.data["referralId"] for event in told}) if told else {}
    by_app: dict[str, list[Firing]] = {}
    for event in told:
        referral = referrals[event.data["referralId"]]
        # whether a conversion is flagged is asked under the lock
        if event.type == "REFERRAL_CONVERTED" or not referral.is_flagged:
            by_app.setdefault(event.app_id, []).append(_firing(event, referral))
    for app in App.objects.filter(pk__in=by_app).order_by("pk"):
        referring_actions.fire(app, by_app[app.pk], standing=standing)


def _firing(event: Event, referral: Referral) -> Firing:
    data = event.data
    cause, at = {
        "REFERRAL_CREATED": (data["referralId"], None),
        "REFERRAL_CLICKED": (data.get("clickId"), data.get("clickedAt")),
        "REFERRAL_CONVERTED": (data.get("conversionId"), data.get("convertedAt")),
    }[event.type]
    named = ("referralId", "referralCode", "campaignId", "clickId", "conversionId", "refereeId")
    metadata = {name: data[name] for name in named if data.get(name) is not None}
    moment = clock.parse(at, "at") if at else event.occurred_at
    return Firing(TYPES[event.type], cause, referral.referrer_id, moment, metadata)


def make_good(
    app: App,
    *,
    conversions: Iterable[Conversion] = (),
    referrals: Iterable[Referral] = (),
    clicks: Iterable[Click] = (),
) -> int:
    """Fires what was not fired while these were held, after a review has cleared them; answers how many events were recorded.

    What fired before fires no more. In the caller's transaction, which has locked the referrers' wallets; ``conversions`` are
    fetched with their referrals, and ``clicks`` are of ``referrals``.
    """
    codes = {referral.pk: referral for referral in referrals}
    firings = [
        Firing(
            Action.Type.REFERRAL_CODE_GENERATE,
            each.pk,
            each.referrer_id,
            each.created_at,
            {"referralId": each.pk, "referralCode": each.code, "campaignId": each.campaign_id},
        )
        for each in codes.values()
    ]
    for click in clicks:
        named = {
            "referralId": click.referral_id,
            "referralCode": codes[click.referral_id].code,
            "campaignId": click.campaign_id,
            "clickId": click.pk,
        } | ({"refereeId": click.referee_id} if click.referee_id is not None else {})
        referrer_id = codes[click.referral_id].referrer_id
        firings.append(Firing(Action.Type.REFERRAL_CLICK, click.pk, referrer_id, click.clicked_at, named))
    firings += [
        Firing(
            Action.Type.REFERRAL_REFEREE_ACTION,
            each.pk,
            each.referrer_id,
            each.converted_at,
            {
                "referralId": each.referral_id,
                "referralCode": each.referral.code,
                "campaignId": each.campaign_id,
                "conversionId": each.pk,
                "refereeId": each.referee_id,
            },
        )
        for each in conversions
    ]
    return referring_actions.fire(app, firings, standing=standing)


def fired(app: App, causes: Iterable[str]) -> set[str]:
    """Of these conversions, those whose actions have given something to the referrer."""
    return set(app.activities.filter(cause__in=list(causes)).values_list("cause", flat=True))


def standing(app: App, conversion_ids: list[str]) -> dict[str, taking_back.Worth | None]:
    """Of these conversions, those that stand and are not flagged; with what is left of what they give, where a part is reversed."""
    if not conversion_ids:
        return {}
    found = Conversion.objects.filter(app=app, pk__in=conversion_ids, status=ConversionStatus.CONVERTED)
    return {
        each.pk: worth_of(each.amount_minor, each.reversed_minor) if each.reversed_minor else None for each in found
    }


def worth_of(converted_minor: int | None, reversed_minor: int) -> taking_back.Worth:
    """What is left of an amount once so much of the conversion is reversed: the rule by which its rewards lose worth."""
    return partial(rewarding.worth_after, converted_minor=converted_minor, reversed_minor=reversed_minor)
