"""The form of signing up: allauth's, for people who press twice."""

from allauth.account.forms import SignupForm
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .models import User


class SignUp(SignupForm):
    """Of many who sign up with one address at once, one does; the user and the address are kept together or not at all."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            return self.overtaken(request)

    def overtaken(self, request: HttpRequest) -> tuple[None, HttpResponse]:
        """What whoever came a moment later is told: no more than whoever comes a day later."""
        try:
            self.validate_unique_email(self.cleaned_data["email"])
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return None, redirect("account_login")
        return super().try_save(request)
