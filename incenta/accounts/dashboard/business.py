"""After sign-up: the business, its first app, sandbox, key and campaign; later: one more app."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from incenta.accounts import audit, create_merchant
from incenta.accounts.forms import AppForm, FirstForm
from incenta.accounts.models import ApiKey
from incenta.dashboard import once
from incenta.dashboard.access import actor_of
from incenta.dashboard.beginning import beginning
from incenta.dashboard.pages import AppPage, SignedInPage
from incenta.errors import DomainError


class Start(SignedInPage):
    """Names the business and chooses what it begins with. Leads into its sandbox, where trying things out costs nothing.

    The app, its sandbox, the sandbox's first key and its first campaign are made together or not at all.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(FirstForm(initial={"once": once.new_token()}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = FirstForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        told = form.cleaned_data
        user = request.user
        try:
            with once.alone(request, told["once"]):
                merchant = create_merchant(user, told["name"], currency=told["currency"], timezone=told["timezone"])
                sandbox = merchant.apps.get(sandbox_of=None).sandbox
                _, secret = ApiKey.objects.issue(sandbox, "First run", created_by=user)
                beginning().begin(sandbox, told["template"], actor_of(request))
                if user.timezone == "UTC":
                    user.timezone = told["timezone"]
                    user.save(update_fields=["timezone"])
        except once.AlreadyUsed:
            return redirect("dashboard:entry")
        once.hand_over(request, secret)
        return redirect(f"dashboard:{beginning().page}", sandbox.pk)

    def _page(self, form: FirstForm, status: int = 200) -> HttpResponse:
        chosen = form["template"].value()
        cards = [(card, card.key == chosen) for card in beginning().cards]
        return render(self.request, "accounts/start.html", {"form": form, "cards": cards}, status=status)


class NewApp(AppPage):
    """One more app of the merchant whose app is open."""

    permission = "app.settings"
    template_name = "accounts/new_app.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(
            {"form": AppForm(initial={"currency": request.app.currency, "timezone": request.app.timezone})}
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AppForm(request.POST)
        if form.is_valid():
            told = form.cleaned_data
            try:
                with transaction.atomic():
                    app = request.membership.merchant.open_app(
                        told["name"], currency=told["currency"], timezone=told["timezone"]
                    )  # fmt: skip
                    audit.note("app.opened", actor_of(request), app=app, subject=app.pk, name=app.name)
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                messages.success(request, f"{app.name} and its sandbox are ready.")
                return redirect("dashboard:campaigns", app.sandbox.pk)
        return self.page({"form": form}, status=422)
