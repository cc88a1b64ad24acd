"""The team: invited by mail, joined by whoever reads it, changed by whoever may, and never without an owner."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from incenta.accounts import team
from incenta.accounts.dashboard.team import WORDS
from incenta.accounts.models import AuditEntry, Invitation, Membership, Role, User
from incenta.accounts.permissions import PERMISSIONS
from incenta.errors import Conflict, DomainError, Forbidden
from tests.cast import at_once
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

BIKRAM = "bikram@example.com"


def link() -> str:
    """The path in the newest mail."""
    return re.search(r"http://testserver(/accounts/invitation/\S+)", mail.outbox[-1].body)[1]


def invited(owner: Client, url, role: Role = Role.DEVELOPER, email: str = BIKRAM) -> str:
    assert owner.post(url("team/"), {"email": email, "role": role}).status_code == 302
    return link()


def person(email: str = BIKRAM) -> Client:
    browser = Client()
    browser.user = User.objects.create_user(email, "correct horse battery")
    EmailAddress.objects.create(user=browser.user, email=email, primary=True)
    browser.force_login(browser.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser


def own(browser: Client) -> Membership:
    return browser.user.memberships.select_related("user").get()


# --- invited -------------------------------------------------------------------------------------------------------------
def test_a_new_user_comes_in_through_the_mail(himal, owner, url):
    where = invited(owner, url)
    assert (mail.outbox[0].to, mail.outbox[0].subject) == ([BIKRAM], "Join Himal on Incenta")
    stranger = Client()
    page = body(stranger.get(where))
    assert "Join Himal" in page and "Create an account" in page and "I have an account" in page
    signed_up = stranger.post("/accounts/signup/", {"email": BIKRAM, "password1": "tall-mountain-9", "next": where})
    assert signed_up.url == where
    assert stranger.post(where).url == url("first-run/", himal.app.sandbox)
    member = Membership.objects.get(user__email=BIKRAM)
    assert (member.role, member.invited_by) == (Role.DEVELOPER, owner.user)
    assert EmailAddress.objects.get(email=BIKRAM).verified  # the link came through that mailbox
    assert stranger.get(url("keys/")).status_code == 200


def test_the_page_is_the_same_whether_or_not_there_is_an_account(himal, owner, url):
    where = invited(owner, url)
    before = re.sub(r'value="\w{64}"', "", body(Client().get(where)))
    User.objects.create_user(BIKRAM, "correct horse battery")
    assert re.sub(r'value="\w{64}"', "", body(Client().get(where))) == before


def test_a_link_is_good_once_and_for_its_address_only(himal, owner, url):
    where = invited(owner, url)
    mallory, bikram = person("mallory@example.com"), person()
    assert "You are signed in as mallory@example.com" in body(mallory.post(where))
    assert not mallory.user.memberships.exists()
    assert bikram.post(where).status_code == 302
    own(bikram).delete()
    assert bikram.post(where).status_code == 404
    assert bikram.get(where).status_code == 404
    assert not bikram.user.memberships.exists()


def test_a_forged_or_old_link_opens_nothing(himal, owner, url):
    first = invited(owner, url)
    bikram = person()
    assert bikram.get(f"{first[:-3]}xyz/").status_code == bikram.get("/accounts/invitation/x/").status_code == 404
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    invitation = Invitation.objects.get()
    owner.post(url(f"team/invitations/{invitation.pk}/send/"))
    assert len(mail.outbox) == 2 and link() != first
    assert bikram.post(first).status_code == 404
    Invitation.objects.update(sent_at=timezone.now() - timedelta(days=7))
    assert bikram.post(link()).status_code == 404
    assert not bikram.user.memberships.exists()


def test_an_invitation_that_is_taken_back_opens_nothing(himal, owner, url):
    where = invited(owner, url)
    owner.post(url(f"team/invitations/{Invitation.objects.get().pk}/revoke/"))
    assert person().post(where).status_code == 404
    assert BIKRAM not in body(owner.get(url("team/"))).split("Members")[0].split("Invite somebody")[1].replace(
        'placeholder="bikram@example.com"', ""
    )


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"email": "no address", "role": "DEVELOPER"}, "Enter a valid email"),
        ({"email": "OWNER@himal.example", "role": "ADMIN"}, "is in the team already"),
        ({"email": BIKRAM, "role": "EMPEROR"}, "Select a valid choice"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(himal, owner, url, sent, told):
    answer = owner.post(url("team/"), sent)
    assert answer.status_code == 422 and told in body(answer)
    assert not Invitation.objects.exists() and not mail.outbox


def test_nobody_writes_to_the_world_from_here(himal, owner, url, monkeypatch):
    invited(owner, url)
    again = owner.post(url("team/"), {"email": BIKRAM.upper(), "role": "ADMIN"})
    assert "is invited already" in body(again)
    invitation = Invitation.objects.get()
    owner.post(url(f"team/invitations/{invitation.pk}/send/"))
    assert len(mail.outbox) == 1  # within the minute
    Invitation.objects.update(mails=team.MOST_MAILS, sent_at=timezone.now() - timedelta(hours=1))
    owner.post(url(f"team/invitations/{invitation.pk}/send/"))
    assert len(mail.outbox) == 1
    monkeypatch.setattr(team, "MOST_A_DAY", 1)
    owner.post(url(f"team/invitations/{invitation.pk}/revoke/"))
    assert "invitations a day" in body(owner.post(url("team/"), {"email": "c@example.com", "role": "ADMIN"}))
    assert len(mail.outbox) == 1


def test_a_name_of_two_lines_writes_no_mail_of_its_own(himal, owner, url):
    himal.app.merchant.name = "Himal\n\nYou have won: http://evil.example"
    himal.app.merchant.save()
    invited(owner, url)
    assert mail.outbox[0].subject == "Join Himal You have won: http://evil.example on Incenta"
    assert not re.search(r"^You have won", mail.outbox[0].body, re.M)


def test_a_mail_that_cannot_be_sent_is_told_and_the_invitation_kept(himal, owner, url, settings):
    settings.EMAIL_BACKEND = "nowhere.Backend"
    page = body(owner.post(url("team/"), {"email": BIKRAM, "role": "ADMIN"}, follow=True))
    assert "could not be sent" in page
    assert Invitation.objects.get().is_good


# --- roles ---------------------------------------------------------------------------------------------------------------
def test_whoever_is_removed_is_nobody_at_the_next_click(himal, owner, url):
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert analyst.get(url("campaigns/")).status_code == 200
    owner.post(url(f"team/{own(analyst).pk}/remove/"))
    assert analyst.get(url("campaigns/")).status_code == 404
    assert analyst.get("/dashboard/").url == "/dashboard/start/"


def test_a_role_is_in_force_at_the_next_click(himal, owner, url):
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert analyst.get(url("keys/")).status_code == 403
    owner.post(url(f"team/{own(analyst).pk}/"), {"role": "DEVELOPER"})
    assert analyst.get(url("keys/")).status_code == 200


def test_the_last_owner_stays(himal, owner, url):
    me = own(owner)
    owner.post(url(f"team/{me.pk}/remove/"))
    answer = owner.post(url(f"team/{me.pk}/"), {"role": "ADMIN", "sure": "yes"})
    assert "Somebody must own the business" in body(answer)
    assert own(owner).role == Role.OWNER


def test_giving_up_ones_own_role_is_asked_once_more(himal, owner, url):
    second = sign_in(himal.app.merchant, Role.ADMIN)
    owner.post(url(f"team/{own(second).pk}/"), {"role": "OWNER"})
    me = own(owner)
    asked = owner.post(url(f"team/{me.pk}/"), {"role": "ANALYST"})
    assert asked.status_code == 422 and "Become Analyst" in body(asked)
    assert own(owner).role == Role.OWNER
    assert owner.post(url(f"team/{me.pk}/"), {"role": "ANALYST", "sure": "yes"}).url == url("overview/")
    assert own(owner).role == Role.ANALYST


def test_an_admin_makes_and_changes_no_owner(himal, owner, url):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    boss, me = own(owner), own(admin)
    assert admin.post(url(f"team/{boss.pk}/"), {"role": "ANALYST"}).status_code == 403
    assert admin.post(url(f"team/{boss.pk}/remove/")).status_code == 403
    assert admin.post(url(f"team/{me.pk}/"), {"role": "OWNER", "sure": "yes"}).status_code == 403
    assert admin.post(url("team/"), {"email": BIKRAM, "role": "OWNER"}).status_code == 422
    assert (own(owner).role, own(admin).role) == (Role.OWNER, Role.ADMIN)


def test_an_admin_takes_no_owners_invitation_back(himal, owner, url):
    invited(owner, url, Role.OWNER)
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    invitation = Invitation.objects.get()
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    assert "Take back" not in body(admin.get(url("team/")))
    for press in ("revoke", "send"):
        assert admin.post(url(f"team/invitations/{invitation.pk}/{press}/")).status_code == 403
    invitation.refresh_from_db()
    assert invitation.is_good and invitation.mails == 1
    assert owner.post(url(f"team/invitations/{invitation.pk}/revoke/")).status_code == 302


@pytest.mark.parametrize("how", ["removed", "demoted", "erased"])
def test_an_invitation_ends_with_who_sent_it(himal, owner, url, how):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    where = invited(admin, url)
    member = own(admin)
    if how == "removed":
        owner.post(url(f"team/{member.pk}/remove/"))
    elif how == "demoted":
        owner.post(url(f"team/{member.pk}/"), {"role": "ANALYST"})
    else:
        admin.user.delete()
    bikram = person()
    assert bikram.post(where).status_code == 404 and not bikram.user.memberships.exists()
    if how != "erased":
        assert Invitation.objects.get().revoked_at and BIKRAM in str(AuditEntry.objects.latest("pk").data)
        assert bikram.post(invited(owner, url)).status_code == 302  # free to be invited anew


def test_an_owner_who_steps_down_takes_along_what_only_owners_give(himal, owner, url):
    second = sign_in(himal.app.merchant, Role.ADMIN)
    owner.post(url(f"team/{own(second).pk}/"), {"role": "OWNER"})
    invited(second, url, Role.OWNER)
    kept = invited(second, url, Role.ANALYST, "chandra@example.com")
    owner.post(url(f"team/{own(second).pk}/"), {"role": "ADMIN"})
    assert [each.email for each in Invitation.objects.filter(revoked_at=None)] == ["chandra@example.com"]
    assert person("chandra@example.com").post(kept).status_code == 302


def test_who_sends_an_invitation_again_answers_for_it(himal, owner, url):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    invited(admin, url)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    owner.post(url(f"team/invitations/{Invitation.objects.get().pk}/send/"))
    owner.post(url(f"team/{own(admin).pk}/remove/"))
    assert person().post(link()).status_code == 302
    assert Membership.objects.get(user__email=BIKRAM).invited_by == owner.user


@pytest.mark.parametrize("role", [Role.ANALYST, Role.DEVELOPER])
def test_the_team_is_for_those_who_look_after_it(himal, owner, url, role):
    browser = sign_in(himal.app.merchant, role)
    boss = own(owner).pk
    assert browser.get(url("team/")).status_code == browser.get(url(f"team/{boss}/")).status_code == 403
    for path in ("team/", f"team/{boss}/", f"team/{boss}/remove/", "team/invitations/inv_x/send/"):
        assert browser.post(url(path), {"email": BIKRAM, "role": "OWNER"}).status_code == 403
    assert not Invitation.objects.exists()


def test_anothers_team_is_not_there(himal, rival, owner, url):
    theirs = rival.app.merchant
    member = theirs.memberships.get()
    invitation = team.invite(theirs, BIKRAM, Role.ADMIN, by=member)
    assert owner.get(url(f"team/{member.pk}/")).status_code == 404
    for path in (
        f"team/{member.pk}/remove/",
        f"team/invitations/{invitation.pk}/revoke/",
        f"team/invitations/{invitation.pk}/send/",
    ):
        assert owner.post(url(path)).status_code == 404
    assert "rival" not in body(owner.get(url("team/")))
    invitation.refresh_from_db()
    assert invitation.is_good


def test_the_list_tells_who_has_a_second_factor_and_costs_the_same_for_many(
    himal, owner, url, django_assert_max_num_queries
):
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=owner.user, type="totp", data={})
    page = body(owner.get(url("team/")))
    assert "App</span>" in page
    for number in range(30):
        user = User.objects.create_user(f"person-{number}@example.com")
        Membership.objects.create(merchant=himal.app.merchant, user=user, role=Role.ANALYST, invited_by=owner.user)
    with django_assert_max_num_queries(12):
        page = body(owner.get(url("team/")))
    assert "31 members" in page and "invited by owner" in page
    assert own(owner).last_seen_at is not None
    assert body(owner.get(url("team/?role=OWNER&export=csv"))).count("\n") == 2


def test_every_permission_has_words():
    assert set(WORDS) == set(PERMISSIONS)


# --- at once -------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_leave_one(himal):
    merchant = himal.app.merchant
    first = merchant.memberships.get()
    user = User.objects.create_user("second@himal.example")
    second = Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)
    pair = [(first, second), (second, first)]
    results = at_once(2, lambda place: team.remove(merchant, pair[place][1].pk, by=pair[place][0]))
    assert sum(isinstance(each, DomainError) for each in results) == 1
    assert merchant.memberships.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_address_is_invited_once_and_joins_once_however_often_one_clicks(himal):
    merchant = himal.app.merchant
    boss = merchant.memberships.get()
    results = at_once(6, lambda place: team.invite(merchant, BIKRAM, Role.ADMIN, by=boss))
    assert sum(isinstance(each, Conflict) for each in results) == 5
    user = User.objects.create_user(BIKRAM)
    token = team.token_of(merchant.invitations.get())
    results = at_once(6, lambda place: team.accept(token, user))
    assert sum(isinstance(each, Membership) for each in results) == 1
    assert merchant.memberships.filter(user=user).count() == 1


def test_who_was_demoted_meanwhile_changes_nothing(himal, owner):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    stale = own(admin)
    Membership.objects.filter(pk=stale.pk).update(role=Role.ANALYST)
    with pytest.raises(Forbidden):
        team.invite(himal.app.merchant, BIKRAM, Role.ADMIN, by=stale)
