"""What a person sets about themselves; sign-in, mail and two-factor pages are allauth's."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from incenta.accounts.forms import PreferencesForm
from incenta.dashboard.pages import SignedInPage


class Preferences(SignedInPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        return self._page(PreferencesForm(initial={"name": user.name, "timezone": user.timezone}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PreferencesForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        user = request.user
        user.name, user.timezone = form.cleaned_data["name"], form.cleaned_data["timezone"]
        user.save(update_fields=["name", "timezone"])
        messages.success(request, "Your preferences are saved.")
        return redirect("dashboard:preferences")

    def _page(self, form: PreferencesForm, status: int = 200) -> HttpResponse:
        return render(self.request, "accounts/preferences.html", {"form": form}, status=status)
