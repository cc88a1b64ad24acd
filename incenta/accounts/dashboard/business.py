"""After sign-up: the business, its first app and sandbox; later: one more app."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from incenta.accounts import create_merchant
from incenta.accounts.forms import AppForm, BusinessForm
from incenta.dashboard.pages import AppPage, SignedInPage
from incenta.errors import DomainError


class Start(SignedInPage):
    """Names the business. Leads into its sandbox, where trying things out costs nothing."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "accounts/start.html", {"form": BusinessForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = BusinessForm(request.POST)
        if not form.is_valid():
            return render(request, "accounts/start.html", {"form": form}, status=422)
        told = form.cleaned_data
        user = request.user
        with transaction.atomic():
            merchant = create_merchant(user, told["name"], currency=told["currency"], timezone=told["timezone"])
            if user.timezone == "UTC":
                user.timezone = told["timezone"]
                user.save(update_fields=["timezone"])
        app = merchant.apps.get(sandbox_of=None)
        return redirect("dashboard:campaigns", app.sandbox.pk)


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
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                messages.success(request, f"{app.name} and its sandbox are ready.")
                return redirect("dashboard:campaigns", app.sandbox.pk)
        return self.page({"form": form}, status=422)
