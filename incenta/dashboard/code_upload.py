"""The page that takes codes into a pool, in two steps: what an upload holds is shown first, and added on request, all or none."""

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.code_pool import BAD_SHOWN, Upload, read_csv
from incenta.errors import DomainError, InvalidInput, NotFound

from .pages import AppPage

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes: a hundred thousand codes of the longest kind with room for other columns."""
KEPT_S = 3_600
SAMPLE = 5


class CodesForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        required=False,
        help_text="The codes stand in the first column, with or without a heading. At most 100,000, and 10 MB.",
        widget=forms.ClearableFileInput(
            attrs={"accept": ".csv,.txt,text/csv,text/plain", "data-largest": LARGEST_FILE}
        ),
    )
    text = forms.CharField(
        label="Or type them",
        required=False,
        max_length=500_000,
        help_text="One a line.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )

    def codes(self) -> list[str]:
        """The lines that were sent. Raises ``InvalidInput``."""
        file = self.cleaned_data.get("file")
        if file is None:
            lines = self.cleaned_data.get("text", "").splitlines()
        elif file.size > LARGEST_FILE:
            raise InvalidInput({"file": [f"Is over {LARGEST_FILE // 1024 // 1024} MB: please send it in parts."]})
        else:
            try:
                lines = read_csv(file.read().decode("utf-8"))
            except UnicodeDecodeError:
                raise InvalidInput(
                    {"file": ["Is not text in UTF-8. Save it as “CSV UTF-8” and send it again."]}
                ) from None
        if not any(line.strip() for line in lines):
            raise InvalidInput({"file": ["Holds no code."]})
        return lines


class CodeUploadPage(AppPage):
    """A subclass says whose pool it is (``find``), what an upload would do (``examine``) and does it (``add``).

    Between the steps the new codes wait in the cache for an hour, for whoever uploaded them: they never stand in a page.
    """

    takes_files = True
    noun = ""
    """What owns a pool, as the template calls it."""
    here = ""
    """The name of this page's URL, which takes the owner's id."""

    def find(self, owner_id: str) -> Any:
        """What owns the pool. Raises ``NotFound``."""
        raise NotImplementedError

    def examine(self, sent: list[str]) -> Upload:
        raise NotImplementedError

    def add(self, owner: Any, codes: list[str]) -> dict:
        """Adds them, all or none; answers the upload's face."""
        raise NotImplementedError

    def left(self, owner: Any) -> int:
        """Free codes in the pool."""
        raise NotImplementedError

    def back(self, owner: Any) -> str:
        """Where to go when they are added."""
        return self.url(self.section)

    def get(self, request: HttpRequest, **kwargs) -> HttpResponse:
        return self.show(self.find(**kwargs), CodesForm())

    def post(self, request: HttpRequest, **kwargs) -> HttpResponse:
        owner = self.find(**kwargs)
        if "token" in request.POST:
            return self.commit(owner, request.POST["token"])
        form = CodesForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(owner, form, status=422)
        try:
            upload = self.examine(form.codes())
        except InvalidInput as error:
            for field, sentences in error.details.items():
                form.add_error("file" if field in ("file", "codes") else None, sentences)
            return self.show(owner, form, status=422)
        token = secrets.token_urlsafe(16)
        if upload.new:
            cache.set(self.place(owner, token), upload.new, KEPT_S)
        return self.show(owner, CodesForm(), upload=upload, token=token)

    def commit(self, owner: Any, token: str) -> HttpResponse:
        waiting = cache.get(self.place(owner, token[:64]))
        if waiting is None:
            messages.warning(self.request, "This upload was added already, or is no longer kept. Please send it again.")
            return redirect(self.url(self.here, owner.pk))
        try:
            with transaction.atomic():
                done = self.add(owner, waiting)
        except NotFound:
            raise
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.url(self.here, owner.pk))
        cache.delete(self.place(owner, token[:64]))
        more = f" {done['duplicate']:,} had been added meanwhile." if done["duplicate"] else ""
        are = "code is" if done["new"] == 1 else "codes are"
        messages.success(self.request, f"{done['new']:,} {are} in the pool of {owner}.{more}")
        return redirect(self.back(owner))

    def place(self, owner: Any, token: str) -> str:
        return f"code_upload.{owner.pk}.{self.request.user.pk}.{token}"

    def show(self, owner: Any, form: CodesForm, *, upload=None, token: str = "", status: int = 200) -> HttpResponse:
        context: dict = {self.noun: owner, "form": form, "token": token, "left": self.left(owner)}
        if upload is not None:
            context |= {
                "upload": upload,
                "bad": upload.bad[:BAD_SHOWN],
                "sample": [masked(code) for code in upload.new[:SAMPLE]],
            }
        return self.page(context, status=status)


def masked(code: str) -> str:
    """``SUMM…K9``: enough to recognise, too little to redeem."""
    return f"{code[:4]}…{code[-2:]}" if len(code) > 8 else f"{code[:2]}…"
