"""The counter: a code is typed or scanned, looked at and honoured, on a phone and without JavaScript."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta import clock
from incenta.api.authentication import caller_ip
from incenta.api.guessing import Asker, TooManyGuesses
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError
from incentives.dashboard.words import points
from marketplace import redemptions, till
from marketplace.models import Redemption, RedemptionStatus


class CounterForm(forms.Form):
    code = forms.CharField(max_length=till.LONGEST_CODE, error_messages={"required": "Type or scan a code."})
    order_reference = forms.CharField(max_length=255, required=False)


class Counter(AppPage):
    """GET asks for a code. POST looks at it; with ``fulfil`` it honours it, and the next customer's turn begins.

    A code never stands in an address, where logs and histories would keep it.
    """

    permission = "marketplace.settle"
    section = "counter"
    template_name = "marketplace/counter.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page({"form": CounterForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CounterForm(request.POST)
        if not form.is_valid():
            return self.page({"form": form}, status=422)
        app, code = request.app, form.cleaned_data["code"]
        asker = Asker.at(app, actor_of(request), caller_ip(request))
        try:
            found = till.find(app, code, asker)
        except TooManyGuesses as refusal:
            form.add_error("code", f"{refusal.message} Please wait {refusal.retry_after} seconds.")
            response = self.page({"form": form}, status=429)
            response.headers["Retry-After"] = str(refusal.retry_after)
            return response
        except DomainError as refusal:
            form.add_error("code", f"{refusal.message} Is it typed as it is shown?")
            return self.page({"form": form}, status=422)
        if "fulfil" not in request.POST:
            return self.page({"form": form, "seen": seen(found)})
        try:
            with transaction.atomic():
                done = redemptions.fulfil(
                    app,
                    found.pk,
                    order_reference=form.cleaned_data["order_reference"],
                    actor=actor_of(request),
                    repeatable=False,
                )
        except DomainError:
            found = redemptions.by_code(app, code)  # somebody was faster: as it is now
            return self.page({"form": form, "seen": seen(found), "is_late": True}, status=409)
        messages.success(request, f"{done.listing.title} is fulfilled. Next, please.")
        return redirect(self.url("counter"))


def seen(redemption: Redemption) -> dict:
    """What the person at the counter has to know, and nothing of whose coins they were."""
    is_over = redemption.status == RedemptionStatus.PENDING and not redemptions.is_usable(redemption)
    status = RedemptionStatus.EXPIRED if is_over else RedemptionStatus(redemption.status)
    return {
        "redemption": redemption,
        "listing": redemption.listing,
        "discount": discount_told(redemption.listing.discount, redemption.listing.currency),
        "status": status,
        "is_usable": redemptions.is_usable(redemption),
        "paid": points(0, redemption.coin_cost, redemption.token_cost),
        "now": clock.now(redemption.app),
    }


def discount_told(discount: dict | None, currency: str) -> str:
    """``10 % off``, ``USD 5 off``; empty where the listing is a thing and not a discount."""
    if not discount:
        return ""
    value = f"{discount['value']:g}"
    return f"{value} % off" if discount["type"] == "PERCENTAGE" else f"{currency} {value} off"
