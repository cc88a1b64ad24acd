"""Payouts that two persons decide: the list, one of them, and whether an app wants them."""

from collections import Counter
from collections.abc import Mapping
from functools import partial

import django_filters
from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from incenta import clock, money
from incenta.accounts.models import Role
from incenta.dashboard.access import actor_of, actors, may
from incenta.dashboard.lists import DeepListPage
from incenta.dashboard.overview import Shown, ToDo, Waiting, show_with
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import DomainError, Forbidden, NotFound
from referrals import faces_reward, payout_settings, payouts, reward_batches
from referrals.models import Payout
from referrals.models.payout import PayoutState
from referrals.models.reward import RewardStatus
from referrals.reward_batches import Verb

from .reward_batches import SHOWN, told_of
from .words import standing


def amounts(sums: Mapping[str, int]) -> str:
    """``USD 30.00, NPR 500.00``."""
    return ", ".join(money.display(minor, asset) for asset, minor in sorted(sums.items()))


def came_of(paid: int, left: int) -> str:
    told = f"{paid:,} reward{' is' if paid == 1 else 's are'} marked as paid."
    return told + (f" {left:,} had changed and {'was' if left == 1 else 'were'} left alone." if left else "")


# --- what the overview asks for ---------------------------------------------------------------------------------------
_OPEN = f"""
SELECT id, proposer_id, sums FROM referrals_payout WHERE app_id = %(app)s AND state = 'OPEN'
ORDER BY proposed_at LIMIT {payouts.MOST_OPEN}
"""


def todos(request: HttpRequest) -> Waiting | None:
    """Payouts that wait for this person, and this person's that wait for somebody else."""
    return Waiting(_OPEN, partial(_told, request)) if may(request, "rewards.pay") else None


def _told(request: HttpRequest, rows: list[dict]) -> list[ToDo]:
    app = request.app
    others = [row for row in rows if row["proposer_id"] != request.user.pk]
    own = [row for row in rows if row["proposer_id"] == request.user.pk]
    found = []
    for some, weight, whom in ((others, 65, "your confirmation"), (own, 20, "somebody else's confirmation")):
        if not some:
            continue
        sums = Counter()
        for row in some:
            sums.update(row["sums"])
        many = "1 payout waits" if len(some) == 1 else f"{len(some):,} payouts wait"
        one = reverse("dashboard:payout", args=[app.pk, some[0]["id"]])
        url = one if len(some) == 1 else f"{reverse('dashboard:payouts', args=[app.pk])}?state=OPEN"
        found.append(ToDo(weight, f"{many} for {whom}", url, "users", amounts(sums)))
    return found


def register() -> None:
    """Names what this page shows on the overview; once, when the room is ready."""
    show_with("referrals.payouts", Shown(todos=todos))


# --- pages ------------------------------------------------------------------------------------------------------------
class PayoutFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    state = django_filters.MultipleChoiceFilter(
        choices=PayoutState.choices, widget=CheckboxSelectMultiple, distinct=False
    )

    class Meta:
        model = Payout
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """A payout, a reward in it, or how its reference begins."""
        if value.startswith("rew_"):
            return rows.filter(seen__has_key=value)
        return rows.filter(Q(pk=value) | Q(reference__istartswith=value))


class Payouts(DeepListPage):
    section = "rewards"
    template_name = "rewards/payouts.html"
    filterset_class = PayoutFilter
    order_field = "proposed_at"
    export_name = "payouts"
    columns = [
        ("id", lambda one: one.pk),
        ("state", lambda one: one.state),
        ("reference", lambda one: one.reference),
        ("rewards", lambda one: one.rewards),
        ("amounts", lambda one: one.amounts),
        ("proposedBy", lambda one: one.first),
        ("proposedAtUtc", lambda one: one.proposed_at),
        ("closedBy", lambda one: one.second),
        ("closedAtUtc", lambda one: one.closed_at),
        ("reason", lambda one: one.reason),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.payouts.all()

    def decorate(self, records: list) -> list:
        names = actors(self.request, {each for one in records for each in (one.proposed_by, one.closed_by)})
        for one in records:
            one.amounts = amounts(one.sums)
            one.first, one.second = (names.get(each, each) for each in (one.proposed_by, one.closed_by))
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {
            "two_person": payout_settings.of(self.request.app).two_person,
            "may_set": may(self.request, "app.settings"),
        }


class PayoutPage(AppPage):
    """One payout: who proposed it, what it would pay now, and the buttons of whoever may decide it."""

    section = "rewards"
    template_name = "rewards/payout.html"

    def get(self, request: HttpRequest, payout_id: str) -> HttpResponse:
        payout = payouts.get(request.app, payout_id)
        names = actors(request, {payout.proposed_by, payout.closed_by})
        is_mine = payout.proposer_id == request.user.pk
        can_go_on = payouts.is_interrupted(payout) and not is_mine
        context = {
            "payout": payout,
            "state": PayoutState(payout.state),
            "proposed": amounts(payout.sums),
            "first": names.get(payout.proposed_by, payout.proposed_by),
            "second": names.get(payout.closed_by, payout.closed_by),
            "is_mine": is_mine,
            "may_pay": may(request, "rewards.pay"),
            "can_go_on": can_go_on,
            "longest": payouts.LONGEST_REASON,
        }
        waits = payout.is_open or can_go_on
        return self.page(context | (self.ahead(payout) if waits else self.behind(payout)))

    def ahead(self, payout: Payout) -> dict:
        """What confirming it would do now."""
        batch = reward_batches.look_again(self.request.app, Verb.PAY, payout.seen, actor=actor_of(self.request))
        return told_of(Verb.PAY, batch)

    def behind(self, payout: Payout) -> dict:
        """What became of its rewards: those that stand as paid under its reference, and the others as they stand."""
        now = clock.now(self.request.app)
        found = self.request.app.rewards.select_related(*faces_reward.SHOWN).filter(pk__in=payout.seen).order_by("pk")
        paid, left = [], []
        for reward in found:
            is_its = reward.status == RewardStatus.PAID and (reward.payout_reference or "") == payout.reference
            if is_its and payout.state == PayoutState.CONFIRMED:
                paid.append(reward)
            else:
                reward.standing = standing(reward, now)
                left.append(reward)
        sums: dict[str, list[int]] = {}
        for reward in paid:
            of_asset = sums.setdefault(reward.asset, [0, 0])
            of_asset[0] += reward.paid_minor if reward.paid_minor is not None else reward.worth_minor
            of_asset[1] += reward.netted_minor
        return {
            "paid": paid[:SHOWN],
            "paid_count": len(paid),
            "paid_sums": [(asset, *told) for asset, told in sorted(sums.items())],
            "left": left[:SHOWN],
            "left_count": len(left),
        }


class ConfirmPayout(AppPage):
    """POST by a second person. Not in one transaction: it is claimed first, and paid in batches."""

    permission = "rewards.pay"
    section = "rewards"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, payout_id: str) -> HttpResponse:
        try:
            batch = payouts.confirm(request.app, payout_id, by=request.membership)
        except (NotFound, Forbidden):
            raise
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, came_of(len(batch.done), len(batch.skipped)))
        return redirect(self.url("payout", payout_id))


class PayoutAction(Action):
    permission = "rewards.pay"
    section = "rewards"

    def back(self, payout_id: str) -> str:
        return self.url("payout", payout_id)


class DeclinePayout(PayoutAction):
    def act(self, payout_id: str) -> str:
        reason = self.request.POST.get("reason", "")
        payouts.decline(self.request.app, payout_id, reason=reason, by=self.request.membership)
        return "The payout is declined. Nothing was paid."


class WithdrawPayout(PayoutAction):
    def act(self, payout_id: str) -> str:
        reason = self.request.POST.get("reason", "")
        payouts.withdraw(self.request.app, payout_id, reason=reason, by=self.request.membership)
        return "The payout is withdrawn. Nothing was paid."


class PayoutSettingsForm(forms.Form):
    two_person = forms.BooleanField(
        label="Marking rewards paid takes two persons: whoever proposes a payout cannot confirm it", required=False
    )


class PayoutSettingsPage(AppPage):
    permission = "app.settings"
    section = "settings"
    template_name = "rewards/payout_settings.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown()

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PayoutSettingsForm(request.POST)
        if not form.is_valid():
            return self.shown(form, status=422)
        try:
            with transaction.atomic():
                payout_settings.revise(
                    request.app,
                    two_person=form.cleaned_data["two_person"],
                    actor=actor_of(request),
                    is_owner=request.membership.role == Role.OWNER,
                )
        except DomainError as error:
            form.add_error(None, error.message)
            return self.shown(form, status=422)
        messages.success(request, "Saved. It counts from the next payment on.")
        return redirect(self.url("payout_settings"))

    def shown(self, form: PayoutSettingsForm | None = None, status: int = 200) -> HttpResponse:
        kept = payout_settings.of(self.request.app)
        form = form or PayoutSettingsForm(initial={"two_person": kept.two_person})
        by = actors(self.request, {kept.updated_by}).get(kept.updated_by, kept.updated_by)
        payers = payout_settings.payers(self.request.app.merchant)
        return self.page({"form": form, "kept": kept, "by": by, "payers": payers}, status=status)
