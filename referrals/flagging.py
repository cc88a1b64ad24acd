"""Somebody of the merchant's points at a referral code: it is held, and what it earned and is not paid yet."""

from fraud import faces, raising, subjects
from fraud.models import Flag, FlagType, Subject
from fraud.raising import Suspicion
from incenta import clock
from incenta.accounts import people
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.errors import InvalidInput, NotFound

from . import codes, reward_state, rules
from .models.conversion import ConversionStatus

MOST_HELD = 1_000
"""Conversions that are held with the code: the newest."""
LONGEST_REASON = 300
SIGNAL = "MANUAL"


def flag(app: App, code: str, reason: str, *, actor: str = "") -> tuple[dict, bool]:
    """Flags a code by hand; answers the flag's face with what is held, and whether it was flagged now. Again: the same flag, with
    the newer reason.

    Raises ``NotFound`` ``referral_not_found``; ``InvalidInput``.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise InvalidInput({"reason": [f"Must have 1 to {LONGEST_REASON} characters."]})
    with transaction_joined():
        people.keep_erasures_out(app)
        referral = app.referrals.select_related("campaign").filter(code_key=codes.key_of(code)).first()
        if referral is None:
            raise NotFound("referral_not_found", "Referral code not found.")
        unpaid = app.conversions.filter(
            referral=referral, status=ConversionStatus.CONVERTED, rewards__status__in=reward_state.OPEN
        )
        held = list(unpaid.order_by("-id").values_list("pk", flat=True).distinct()[:MOST_HELD])
        concerned = [(Subject.REFERRAL.value, referral.pk), *((Subject.CONVERSION.value, pk) for pk in held)]
        subjects.lock_people(app, concerned)
        codes_of, conversions_of = (subjects.handler_of(kind) for kind in (Subject.REFERRAL, Subject.CONVERSION))
        effects = codes_of.hold(app, [referral.pk], actor=actor) + conversions_of.hold(app, held, actor=actor)
        waits = subjects.describe(app, concerned[1:])
        of = rules.of_version(app, referral.campaign_id, referral.campaign.version)
        common = {
            "user_id": referral.referrer_id,
            "campaign_id": referral.campaign_id,
            "points": 100,
            "score": 100,
            "due_hours": of.due_hours,
            "due_outcome": of.due_outcome,
        }
        by_hand = Suspicion(
            Subject.REFERRAL.value, referral.pk, SIGNAL, FlagType.MANUAL_FLAG.value, message=reason,
            evidence={"by": actor}, **common,
        )  # fmt: skip
        with_it = [
            Suspicion(
                Subject.CONVERSION.value, pk, "CODE_FLAGGED", FlagType.SUSPICIOUS_PATTERN.value,
                message="The referral code itself is flagged.", evidence={"code": referral.code},
                held=waits[Subject.CONVERSION.value, pk].held, **common,
            )
            for pk in held
            if (Subject.CONVERSION.value, pk) in waits
        ]  # fmt: skip
        flag_id, *_ = raising.raise_flags(app, [by_hand, *with_it], at=clock.now(app), actor=actor)
        raised = Flag.objects.get(app=app, pk=flag_id)
        answer = {
            "success": True,
            "flag": faces.flag_face(raised),
            "referralId": referral.pk,
            "referralCode": referral.code,
            "status": "FLAGGED",
            "effects": [effect.face() for effect in effects],
        }
        return answer, raised.hits == 1
