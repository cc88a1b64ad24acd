"""Businesses: an app makes its profile, and the operator of the installation verifies it before anybody is shown it."""

from incenta import clock, events
from incenta.accounts.models import App, User
from incenta.database import sql
from incenta.errors import Conflict, InvalidInput, NotFound

from .models import Profile, ProfileStatus

DECIDED_FOR = ("name", "url")
"""What the operator has looked at: whoever changes it is looked at again."""


def of(app: App) -> Profile | None:
    """The app's profile, where it has one."""
    return Profile.objects.filter(app=app).first()


def get(app: App, *, lock: bool = False) -> Profile:
    """The app's profile. Raises ``NotFound`` ``profile_not_found``."""
    profiles = Profile.objects.filter(app=app)
    found = (profiles.select_for_update() if lock else profiles).first()
    if found is None:
        raise NotFound("profile_not_found", "This app has no business profile yet.")
    return found


def face(profile: Profile) -> dict:
    """As its own app sees it."""
    return {
        "id": profile.pk,
        "name": profile.name,
        "description": profile.description,
        "category": profile.category,
        "url": profile.url,
        "logoUrl": profile.logo_url,
        "contactEmail": profile.contact_email,
        "country": profile.country,
        "status": profile.status,
        "statusReason": profile.status_reason,
        "decidedAt": clock.iso(profile.decided_at),
        "createdAt": clock.iso(profile.created_at),
        "updatedAt": clock.iso(profile.updated_at),
    }


def create(app: App, values: dict, *, actor: str = "") -> Profile:
    """The app's one profile. A live one waits for the operator; that of a sandbox is verified at once.

    Raises ``Conflict`` ``profile_exists``.
    """
    now = clock.now(app)
    with sql.transaction_joined():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)  # two tabs cannot make two
        if Profile.objects.filter(app=app).exists():
            raise Conflict("profile_exists", "This app has its business profile already: change that one.")
        profile = Profile(app=app, created_at=now, updated_at=now, **values)
        if app.is_sandbox:
            profile.status, profile.decided_at = ProfileStatus.VERIFIED, now
        profile.save(force_insert=True)
        told = ["MARKETPLACE_PROFILE_CREATED"] + (["MARKETPLACE_PROFILE_VERIFIED"] if app.is_sandbox else [])
        _tell(profile, told, actor)
    return profile


def revise(app: App, changes: dict, *, actor: str = "") -> Profile:
    """Changes the profile. A new name or address of a verified one, and anything of a rejected one, is looked at anew.

    Raises ``NotFound`` ``profile_not_found``; ``Conflict`` ``profile_suspended``.
    """
    with sql.transaction_joined():
        profile = get(app, lock=True)
        if profile.status == ProfileStatus.SUSPENDED:
            raise Conflict("profile_suspended", "The operator has suspended this business: please write to them.")
        changed = {name for name, value in changes.items() if getattr(profile, name) != value}
        for name in changed:
            setattr(profile, name, changes[name])
        if not app.is_sandbox and (
            (profile.status == ProfileStatus.VERIFIED and changed.intersection(DECIDED_FOR))
            or (profile.status == ProfileStatus.REJECTED and changed)
        ):
            profile.status = ProfileStatus.PENDING
        profile.updated_at = clock.now(app)
        profile.save()
    return profile


# --- the operator's ---------------------------------------------------------------------------------------------------
def verify(profile_id: str, *, by: User | None = None, reason: str = "") -> Profile:
    """Lets a business be seen. Repeating it is harmless. Raises ``NotFound`` ``profile_not_found``."""
    return _decide(profile_id, ProfileStatus.VERIFIED, by, reason)


def reject(profile_id: str, *, by: User | None = None, reason: str) -> Profile:
    """Refuses a business, which may change its profile and be looked at again. Raises ``InvalidInput`` without a reason."""
    return _decide(profile_id, ProfileStatus.REJECTED, by, reason)


def suspend(profile_id: str, *, by: User | None = None, reason: str) -> Profile:
    """Takes a business out of the marketplace; codes that were given stay good. Raises ``InvalidInput`` without a reason."""
    return _decide(profile_id, ProfileStatus.SUSPENDED, by, reason)


def _decide(profile_id: str, status: str, by: User | None, reason: str) -> Profile:
    reason = reason.strip()[:500]
    if status != ProfileStatus.VERIFIED and not reason:
        raise InvalidInput({"reason": ["Say why: the business reads it."]})
    with sql.transaction_joined():
        profile = Profile.objects.select_for_update(of=("self",)).select_related("app").filter(pk=profile_id).first()
        if profile is None:
            raise NotFound("profile_not_found", "There is no such business.")
        was = profile.status
        profile.status, profile.status_reason, profile.decided_by = status, reason, by
        profile.decided_at = clock.now(profile.app)
        profile.save(update_fields=["status", "status_reason", "decided_by", "decided_at"])
        if status == ProfileStatus.VERIFIED and was != status:
            _tell(profile, ["MARKETPLACE_PROFILE_VERIFIED"], f"operator:{by.pk}" if by else "operator")
    return profile


def _tell(profile: Profile, kinds: list[str], actor: str) -> None:
    shown = face(profile)
    data = {"profileId": shown.pop("id")} | shown
    subject = ("profile", profile.pk)
    events.write([events.event(profile.app, kind, data, subject=subject, actor=actor) for kind in kinds])
