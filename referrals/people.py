"""What the referral programme holds of a person. His codes are taken from him: one may be his name, and nobody is to be brought by
somebody who is gone."""

from incenta import codes
from incenta.accounts import people
from incenta.accounts.people import Holding, Person, rename_beside

from .models.click import Click
from .models.conversion import Conversion, Reversal
from .models.referral import Referral
from .models.reward import Reward

BOTH = ("referrer_id", "referee_id")
WAS_HERE = """EXISTS (SELECT FROM accounts_tombstone
    WHERE app_id = %(app_id)s AND key = %(tombstone)s AND used_up -> 'campaigns' ? %(campaign_id)s::text)"""
"""SQL: whether the friend converted in this campaign before he was erased."""


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(
        Holding("referrals", Referral, BOTH, named_in=("reasons",), blanked={"metadata": {}}),
        Holding("clicks", Click, ("referee_id",)),
        Holding("conversions", Conversion, BOTH, named_in=("reasons", "trace"), blanked={"metadata": {}}),
        Holding("rewards", Reward, ("user_id",)),
        Holding("reversals", Reversal, subject="conversion_id", named_in=("effects",), place=1),
        first=_note,
        last=_close_codes,
    )


def _note(person: Person) -> None:
    """Which codes are his, and where he can't be a new customer again."""
    conversions = Conversion.objects.filter(app=person.app, referee_id=person.user_id)
    person.used_up["campaigns"] = sorted(set(conversions.values_list("campaign_id", flat=True)))
    for code in Referral.objects.filter(app=person.app, referrer_id=person.user_id).values_list("code", flat=True):
        person.renamed[code] = f"GONE-{codes.random_part(16)}"


def _close_codes(person: Person) -> None:
    """The old links and codes lead nowhere from now on; and what is told of others, beside whom he was seen, names him no more."""
    rename_beside(person, person.app.conversions.all(), ("reasons", "trace"))
    rename_beside(person, person.app.referrals.all(), ("reasons",))
    referrals = Referral.objects.filter(app=person.app, referrer_id=person.name)
    for referral in referrals.filter(code__in=person.renamed):
        referral.code = person.renamed[referral.code]
        referral.code_key = codes.key_of(referral.code)
        referral.slug = referral.code.upper()
        referral.save(update_fields=["code", "code_key", "slug"])
