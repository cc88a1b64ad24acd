"""Payouts by two persons: proposed by one, confirmed or declined by another, paid once, and never what changed meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incenta.accounts.models import AuditEntry, Membership, Role, User
from incenta.errors import Conflict, DomainError, Forbidden
from referrals import payout_settings, payouts, reward_batches
from referrals.models import Payout
from tests.cast import at_once
from tests.dashboard.conftest import body, sign_in, statements
from tests.dashboard.test_rewards import earned, order, seen_in

pytestmark = pytest.mark.django_db


def own(browser) -> Membership:
    return browser.user.memberships.select_related("user").get()


@pytest.fixture
def admin(himal):
    """The second of the two persons."""
    return sign_in(himal.app.merchant, Role.ADMIN)


@pytest.fixture
def two(himal, owner, admin):
    """The app wants two persons from now on."""
    payout_settings.revise(himal.app, two_person=True, actor=f"user:{owner.user.pk}")
    return himal


def proposed(browser, url, ids: list[str], reference: str = "run 7") -> Payout:
    """Ticked in the list and ordered as ever: it becomes a payout that waits."""
    page = order(browser, url("rewards/batch/"), "pay", ids, reference)
    assert page == ""  # sent on to the payout's own page
    return Payout.objects.latest("proposed_at")


def statuses(himal) -> set[str]:
    return set(himal.app.rewards.values_list("status", flat=True))


# --- one proposes, another confirms ---------------------------------------------------------------------------------------
def test_many_are_proposed_by_one_and_paid_by_another(two, owner, admin, url):
    ids = earned(two, 3)
    asked = body(owner.post(url("rewards/batch/"), {"verb": "pay", "id": ids}))
    assert "Propose to mark 3 rewards as paid?" in asked and "two persons" in asked
    payout = proposed(owner, url, ids)
    assert statuses(two) == {"PENDING"} and not two.app.transfers.filter(kind="PAYOUT").exists()

    mine = body(owner.get(url(f"rewards/payouts/{payout.pk}/")))
    assert "You proposed it" in mine and "Withdraw</button>" in mine and "Confirm</button>" not in mine
    refused = body(owner.post(url(f"rewards/payouts/{payout.pk}/confirm/"), follow=True))
    assert "somebody else has to confirm it" in refused and statuses(two) == {"PENDING"}

    page = body(admin.get(url(f"rewards/payouts/{payout.pk}/")))
    for words in ("USD 30.00", "run 7", "owner@himal.example", "Decline</button>"):
        assert words in page, words
    done = body(admin.post(url(f"rewards/payouts/{payout.pk}/confirm/"), follow=True))
    assert "3 rewards are marked as paid." in done and "Confirmed" in done
    assert set(two.app.rewards.values_list("status", "payout_reference")) == {("PAID", "run 7")}
    assert set(two.app.events.filter(type="REWARD_REDEEMED").values_list("actor", flat=True)) == {
        f"user:{admin.user.pk}"
    }
    lines = list(AuditEntry.objects.filter(subject_id=payout.pk).order_by("pk").values_list("type", "actor"))
    assert lines == [
        ("payout.proposed", f"user:{owner.user.pk}"),
        ("payout.confirmed", f"user:{admin.user.pk}"),
    ]
    assert "Confirmed a payout" in body(owner.get(url("audit/")))
    assert "was confirmed already" in body(admin.post(url(f"rewards/payouts/{payout.pk}/confirm/"), follow=True))


def test_a_single_reward_takes_two_persons_as_well(two, owner, admin, url):
    (reward,) = earned(two, 1)
    assert "Propose to mark paid" in body(owner.get(url(f"rewards/{reward}/")))
    page = body(owner.post(url(f"rewards/{reward}/pay/"), {"reference": ""}, follow=True))
    assert "Somebody else who may mark rewards paid has to confirm it" in page
    payout = Payout.objects.get()
    page = body(owner.get(url(f"rewards/{reward}/")))
    assert url(f"rewards/payouts/{payout.pk}/") in page and "mark paid" not in page.lower()
    assert "wait for a second person already" in body(owner.post(url(f"rewards/{reward}/pay/"), follow=True))
    admin.post(url(f"rewards/payouts/{payout.pk}/confirm/"))
    paid = two.app.rewards.get()
    assert (paid.status, paid.payout_reference) == ("PAID", None)
    assert "1 reward" in body(admin.get(url(f"rewards/payouts/{payout.pk}/")))
    assert "was paid" in body(owner.post(url(f"rewards/{reward}/pay/"), {"reference": "again"}, follow=True))
    (held,) = earned(two, 1, holdDays=3)
    assert "on hold" in body(owner.post(url(f"rewards/{held}/pay/"), follow=True))
    assert Payout.objects.count() == 1


def test_what_changed_since_it_was_proposed_is_left_alone(two, owner, admin, url):
    kept, cancelled, paid = earned(two, 3)
    payout = proposed(owner, url, [kept, cancelled, paid])
    two.post(f"/rewards/{cancelled}/cancel", {"reason": "returned"})
    two.post(f"/rewards/{paid}/pay", {"payoutReference": "by hand"})
    page = body(admin.get(url(f"rewards/payouts/{payout.pk}/")))
    assert "Changed since you looked" in page and "1 in USD" in page
    done = body(admin.post(url(f"rewards/payouts/{payout.pk}/confirm/"), follow=True))
    assert "1 reward is marked as paid. 2 had changed and were left alone." in done
    assert two.app.rewards.get(pk=kept).payout_reference == "run 7"
    assert two.app.rewards.get(pk=cancelled).status == "CANCELLED"
    assert two.app.rewards.get(pk=paid).payout_reference == "by hand"
    assert two.app.transfers.filter(kind="PAYOUT").count() == 2


def test_what_cannot_be_paid_is_not_proposed(two, owner, url):
    first, second = earned(two, 2)
    (held,) = earned(two, 1, holdDays=3)
    seen = seen_in(body(owner.post(url("rewards/batch/"), {"verb": "pay", "id": [first, second, held]})))
    two.post(f"/rewards/{second}/cancel", {"reason": "returned"})
    owner.post(url("rewards/batch/"), {"verb": "pay", "seen": seen, "told": "run 7"})
    assert list(Payout.objects.get().seen) == [first]
    page = body(owner.post(url("rewards/batch/"), {"verb": "pay", "seen": seen, "told": "run 8"}, follow=True))
    assert "Nothing is proposed" in page and Payout.objects.count() == 1


# --- declined, withdrawn --------------------------------------------------------------------------------------------------
def test_it_is_declined_with_a_reason_or_withdrawn(two, owner, admin, url):
    ids = earned(two, 1)
    payout = proposed(owner, url, ids)
    where = url(f"rewards/payouts/{payout.pk}/")
    assert "withdraw it instead" in body(owner.post(f"{where}decline/", {"reason": "x"}, follow=True))
    assert "decline it instead" in body(admin.post(f"{where}withdraw/", follow=True))
    assert "Say why" in body(admin.post(f"{where}decline/", {"reason": " "}, follow=True))
    assert "At most 500" in body(admin.post(f"{where}decline/", {"reason": "x" * 501}, follow=True))
    assert Payout.objects.get().is_open
    page = body(admin.post(f"{where}decline/", {"reason": "Not this month"}, follow=True))
    assert "is declined" in page and "Not this month" in page
    for press in ("confirm/", "decline/"):
        assert "was declined already" in body(admin.post(where + press, {"reason": "x"}, follow=True))

    again = proposed(owner, url, ids)
    page = body(owner.post(url(f"rewards/payouts/{again.pk}/withdraw/"), follow=True))
    assert "is withdrawn" in page
    assert "was withdrawn already" in body(admin.post(url(f"rewards/payouts/{again.pk}/confirm/"), follow=True))
    assert statuses(two) == {"PENDING"}
    proposed(owner, url, ids)  # free for another
    deeds = AuditEntry.objects.filter(type__in=("payout.declined", "payout.withdrawn")).order_by("pk")
    assert [each.data.get("reason") for each in deeds] == ["Not this month", None]


# --- who may ----------------------------------------------------------------------------------------------------------------
def test_only_an_owner_turns_it_off_and_nobody_where_he_is_alone(himal, owner, url):
    where = url("rewards/payouts/settings/")
    refused = owner.post(where, {"two_person": "on"})
    assert refused.status_code == 422 and "invite a second owner or admin" in body(refused)
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    assert "two persons" in body(admin.post(where, {"two_person": "on"}, follow=True))
    refused = admin.post(where, {})
    assert refused.status_code == 422 and "Only an owner turns this off" in body(refused)
    assert payout_settings.of(himal.app).two_person
    assert owner.post(where, {}).status_code == 302
    assert not payout_settings.of(himal.app).two_person
    changes = AuditEntry.objects.filter(type="payouts.changed").order_by("pk")
    assert [each.data["changed"]["twoPerson"] for each in changes] == [[False, True], [True, False]]


def test_the_page_of_the_rule_reads_it_once(himal, owner, url):
    asked = statements(owner, url("rewards/payouts/settings/"))
    assert len([each for each in asked if "referrals_payoutsettings" in each]) == 1


def test_without_the_rule_one_person_pays_as_ever(himal, owner, url):
    first, second = earned(himal, 2)
    assert "1 reward marked as paid" in order(owner, url("rewards/batch/"), "pay", [first], "run 7")
    assert "is marked as paid" in body(owner.post(url(f"rewards/{second}/pay/"), follow=True))
    assert not Payout.objects.exists()


def test_the_rule_binds_people_and_not_the_servers_key(two):
    (reward,) = earned(two, 1)
    assert two.post(f"/rewards/{reward}/pay", {"payoutReference": "run 7"}).status == 200


def test_who_may_not_pay_decides_nothing(two, owner, url):
    payout = proposed(owner, url, earned(two, 1))
    for role in (Role.ANALYST, Role.DEVELOPER):
        browser = sign_in(two.app.merchant, role)
        page = body(browser.get(url(f"rewards/payouts/{payout.pk}/")))
        assert "What to do" not in page and "run 7" in page
        for press in ("confirm/", "decline/", "withdraw/"):
            assert browser.post(url(f"rewards/payouts/{payout.pk}/{press}"), {"reason": "x"}).status_code == 403
        assert browser.get(url("rewards/payouts/settings/")).status_code == 403
    assert Payout.objects.get().is_open


def test_who_was_demoted_meanwhile_is_no_second_person_and_no_first_one(two, owner, admin, url):
    payout = proposed(owner, url, earned(two, 1))
    stale = own(admin)
    Membership.objects.filter(pk=stale.pk).update(role=Role.ANALYST)
    with pytest.raises(Forbidden):
        payouts.confirm(two.app, payout.pk, by=stale)
    Membership.objects.filter(pk=stale.pk).update(role=Role.OWNER)
    Membership.objects.filter(pk=own(owner).pk).update(role=Role.ANALYST)
    with pytest.raises(Conflict) as refused:
        payouts.confirm(two.app, payout.pk, by=stale)
    assert refused.value.code == "proposer_gone"
    User.objects.filter(pk=owner.user.pk).delete()
    assert "propose it anew" in body(admin.post(url(f"rewards/payouts/{payout.pk}/confirm/"), follow=True))
    assert statuses(two) == {"PENDING"}
    payouts.decline(two.app, payout.pk, reason="They left", by=stale)


# --- seen in time -----------------------------------------------------------------------------------------------------------
def test_it_is_a_to_do_for_the_second_person_and_a_line_in_the_list(two, owner, admin, url):
    payout = proposed(owner, url, earned(two, 2))
    where = url(f"rewards/payouts/{payout.pk}/")
    page = body(admin.get(url("overview/")))
    assert "1 payout waits for your confirmation" in page and where in page
    assert "1 payout waits for somebody else&#x27;s confirmation" in body(owner.get(url("overview/")))
    assert "payout waits" not in body(sign_in(two.app.merchant, Role.ANALYST).get(url("overview/")))
    proposed(owner, url, earned(two, 1), "run 8")
    assert "2 payouts wait for your confirmation" in body(admin.get(url("overview/")))

    assert admin.get(url(f"search/?q={payout.pk}")).url == where
    listed = body(admin.get(url("rewards/payouts/")))
    assert "run 7" in listed and "USD 20.00" in listed and "run 8" in listed
    for query in ("q=run 8", f"q={Payout.objects.latest('proposed_at').pk}"):
        found = body(admin.get(url(f"rewards/payouts/?{query}")))
        assert "run 8" in found and "USD 20.00" not in found
    assert "No payout matches" in body(admin.get(url("rewards/payouts/?state=DECLINED")))
    assert "not understood" in body(admin.get(url("rewards/payouts/?state=LOST")))
    assert body(admin.get(url("rewards/payouts/?export=csv"))).count("\n") == 3
    assert len(statements(admin, url("rewards/payouts/"))) <= 12


def test_before_there_is_one_the_list_says_what_it_is_for(himal, owner, url):
    assert "One person is enough here" in body(owner.get(url("rewards/payouts/")))
    sign_in(himal.app.merchant, Role.ADMIN)
    payout_settings.revise(himal.app, two_person=True, actor="user:1")
    assert "No payout yet" in body(owner.get(url("rewards/payouts/")))


# --- broken off, and at once ------------------------------------------------------------------------------------------------
def test_what_broke_off_is_gone_on_with_and_pays_nobody_twice(two, owner, admin, url):
    ids = earned(two, 3)
    payout = proposed(owner, url, ids)
    now = timezone.now()
    Payout.objects.update(state="CONFIRMED", closed_at=now, closed_by=f"user:{admin.user.pk}")
    reward_batches.carry_out(two.app, "pay", {ids[0]: payout.seen[ids[0]]}, told="run 7")  # as far as it came
    where = url(f"rewards/payouts/{payout.pk}/")
    assert "right now" in body(admin.post(f"{where}confirm/", follow=True))
    Payout.objects.update(closed_at=now - payouts.GOES_ON_AFTER - timedelta(seconds=1))
    assert "Go on</button>" in body(admin.get(where)) and "Go on</button>" not in body(owner.get(where))
    assert "2 rewards are marked as paid" in body(admin.post(f"{where}confirm/", follow=True))
    assert statuses(two) == {"PAID"} and two.app.transfers.filter(kind="PAYOUT").count() == 3
    page = body(admin.get(where))
    assert "USD 30.00" in page and "Left as they were" not in page


@pytest.mark.django_db(transaction=True)
def test_however_many_confirm_at_once_it_is_paid_once(himal, owner):
    ids = earned(himal, 6)
    merchant = himal.app.merchant
    payers = [
        Membership.objects.create(merchant=merchant, user=User.objects.create_user(f"p{n}@x.example"), role=Role.ADMIN)
        for n in range(6)
    ]
    seen = reward_batches.look(himal.app, "pay", ids).seen
    payout = payouts.propose(himal.app, seen, reference="run 7", by=own(owner))

    results = at_once(6, lambda place: payouts.confirm(himal.app, payout.pk, by=payers[place]))

    refused = [each for each in results if isinstance(each, Exception)]
    assert len(refused) == 5 and {each.code for each in refused} <= {"payout_running", "payout_closed"}
    assert himal.app.transfers.filter(kind="PAYOUT").count() == 6
    assert himal.app.events.filter(type="REWARD_REDEEMED").count() == 6
    assert AuditEntry.objects.filter(type="payout.confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_confirming_declining_and_withdrawing_at_once_one_wins(himal, owner):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    first, second = own(owner), own(admin)
    seen = reward_batches.look(himal.app, "pay", earned(himal, 2)).seen
    for _ in range(3):
        payout = payouts.propose(himal.app, seen, reference="run 7", by=first)
        acts = [
            lambda id=payout.pk: payouts.confirm(himal.app, id, by=second),
            lambda id=payout.pk: payouts.decline(himal.app, id, reason="No", by=second),
            lambda id=payout.pk: payouts.withdraw(himal.app, id, by=first),
        ]
        results = at_once(3, lambda place, acts=acts: acts[place]())
        assert sum(isinstance(each, DomainError) for each in results) == 2
        state = Payout.objects.get(pk=payout.pk).state
        assert (statuses(himal) == {"PAID"}) == (state == "CONFIRMED")
        if state == "CONFIRMED":
            break


@pytest.mark.django_db(transaction=True)
def test_two_who_propose_the_same_at_once_make_one_payout(himal, owner):
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    seen = reward_batches.look(himal.app, "pay", earned(himal, 2)).seen
    both = [own(owner), own(admin)]
    results = at_once(2, lambda place: payouts.propose(himal.app, seen, reference="run", by=both[place]))
    assert sum(isinstance(each, Conflict) for each in results) == 1
    assert Payout.objects.count() == 1
