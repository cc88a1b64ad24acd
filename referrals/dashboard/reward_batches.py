"""Approving, paying and cancelling many rewards: first what would come of it, then the deed, then what came of it."""

from collections import Counter

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from incenta.dashboard.access import actor_of, may
from incenta.dashboard.lists import said
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import Conflict
from referrals import payout_settings, payouts, reward_batches, reward_state
from referrals.models import Payout
from referrals.models.reward import RewardStatus
from referrals.reward_batches import MOST_AT_ONCE, Batch, Verb

from .rewards import RewardFilter
from .words import why

SHOWN = 100
"""Rewards that the preview and the result name one by one; the sums are of all."""
LONGEST = {Verb.PAY: 255, Verb.CANCEL: 500}
PROPOSED = "The payout is proposed. Somebody else who may mark rewards paid has to confirm it."
NEEDS = {
    Verb.PAY: "Say under which reference you pay them: you will look for it one day.",
    Verb.CANCEL: "Say why: people ask.",
}


def permission_of(verb: str) -> str:
    return "rewards.pay" if verb == Verb.PAY else "rewards.approve"


class RewardBatch(AppPage):
    """POST ``verb`` with ``id``s, or with ``all`` for what matches the query, shows what would follow. With ``seen`` it is done."""

    section = "rewards"
    template_name = "rewards/batch.html"
    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect(self.url("rewards"))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        verb = request.POST.get("verb", "")
        if verb not in Verb:
            return self.refused("", "Choose what to do with them.")
        if not may(request, permission_of(verb)):
            return forbidden(request, permission_of(verb))
        self.two_person = verb == Verb.PAY and payout_settings.of(request.app).two_person
        if "seen" in request.POST:
            return self.done(verb, _seen(request.POST["seen"]), request.POST.get("told", "").strip())
        if request.POST.get("all"):
            ids, has_more = self.matching(verb)
        else:
            ids, has_more = request.POST.getlist("id"), False
        if not ids:
            is_all = bool(request.POST.get("all"))
            told = "None of those that match can be moved so." if is_all else "Select the rewards first."
            return self.refused(verb, told)
        return self.asked(verb, reward_batches.look(request.app, verb, ids, actor=actor_of(request)), has_more=has_more)

    def matching(self, verb: str) -> tuple[list[str], bool]:
        """The ids of what the list would show and the verb could move, oldest first, and whether there are more than one order
        takes."""
        request = self.request
        statuses = [RewardStatus.PENDING] if verb == Verb.APPROVE else reward_state.OPEN
        rows = request.app.rewards.filter(status__in=statuses)
        filters = RewardFilter(said(request), queryset=rows, request=request)
        if not filters.is_valid():
            return [], False
        ids = list(filters.qs.order_by("created_at", "pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        return ids[:MOST_AT_ONCE], len(ids) > MOST_AT_ONCE

    def done(self, verb: str, seen: dict[str, str], told: str) -> HttpResponse:
        app = self.request.app
        if (verb in NEEDS and not told) or len(told) > LONGEST.get(verb, 0) > 0:
            batch = reward_batches.look(app, verb, seen, actor=actor_of(self.request))
            batch.seen = {id: seal for id, seal in seen.items() if id in batch.seen}  # as it was seen at first
            sentence = NEEDS[verb] if not told else f"At most {LONGEST[verb]} characters."
            return self.asked(verb, batch, refusal=sentence, told=told, status=422)
        if verb == Verb.PAY:
            return self.paid(seen, told)
        batch = reward_batches.carry_out(app, verb, seen, told=told, actor=actor_of(self.request))
        return self.page(self.summary(verb, batch) | {"told": told}, template="rewards/batch_done.html")

    def paid(self, seen: dict[str, str], reference: str) -> HttpResponse:
        """Paid at once, or proposed to a second person, as the app wants it."""
        try:
            came = payouts.pay(self.request.app, seen, reference=reference, by=self.request.membership)
        except Conflict as refusal:
            messages.error(self.request, refusal.message)
            return redirect(self.url("rewards"))
        if isinstance(came, Payout):
            messages.success(self.request, PROPOSED)
            return redirect(self.url("payout", came.pk))
        return self.page(self.summary(Verb.PAY, came) | {"told": reference}, template="rewards/batch_done.html")

    def asked(self, verb: str, batch: Batch, *, refusal: str = "", status: int = 200, **context) -> HttpResponse:
        seen = " ".join(f"{id}:{seal}" for id, seal in batch.seen.items())
        told = self.summary(verb, batch) | {"seen": seen, "refusal": refusal, "longest": LONGEST.get(verb)}
        return self.page(told | context, status=status)

    def summary(self, verb: str, batch: Batch) -> dict:
        return told_of(verb, batch) | {"two_person": self.two_person, "filter_query": self.request.GET.urlencode()}

    def refused(self, verb: str, sentence: str) -> HttpResponse:
        return self.page({"verb": verb, "batch": None, "refusal": sentence}, status=400)


def told_of(verb: str, batch: Batch) -> dict:
    """What came of a batch, or would come of it, for a template."""
    reasons = Counter(why(refusal, verb) for _, _, refusal in batch.skipped)
    return {
        "verb": verb,
        "batch": batch,
        "totals": batch.totals(),
        "rewards": batch.done[:SHOWN],
        "more": max(len(batch.done) - SHOWN, 0),
        "reasons": reasons.most_common(),
        "skipped": [(reward, id, why(refusal, verb)) for reward, id, refusal in batch.skipped[:SHOWN]],
        "most": MOST_AT_ONCE,
    }


def _seen(text: str) -> dict[str, str]:
    """``id:seal`` pairs between blanks; what is not one is left out."""
    pairs = (each.split(":") for each in text.split()[:MOST_AT_ONCE])
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0].startswith("rew_")}
