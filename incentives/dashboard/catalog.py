"""The catalog: what points buy, what is left of it, and the codes that are handed out."""

import secrets

import django_filters
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.code_pool import read_csv
from incenta.dashboard.access import may
from incenta.dashboard.api_form import Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, InvalidInput, NotFound
from incentives import catalog
from incentives.api.catalog import ItemChanges, ItemInput
from incentives.models import Item, ItemCode, ItemStock
from incentives.models.catalog import CodeSource

from .rule_form import RuleForm, RuleFormPage
from .words import points

SHELF = [("on", "On offer"), ("off", "Not on offer")]
LARGEST_FILE = 5 * 1024 * 1024
KEPT_S = 3_600
SAMPLE = 5


class ItemFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    published = django_filters.MultipleChoiceFilter(choices=SHELF, method="is_published", widget=CheckboxSelectMultiple)

    class Meta:
        model = Item
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(pk=value))

    def is_published(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(published="on" in values) if len(values) == 1 else rows


class Catalog(ListPage):
    section = "catalog"
    template_name = "incentives/catalog.html"
    filterset_class = ItemFilter
    orders = {"name": ("name",), "coins": ("coin_cost",), "tokens": ("token_cost",), "created": ("created_at",)}
    export_name = "catalog"
    columns = [
        ("id", lambda one: one.pk),
        ("name", lambda one: one.name),
        ("published", lambda one: "yes" if one.published else "no"),
        ("coinCost", lambda one: one.coin_cost),
        ("tokenCost", lambda one: one.token_cost),
        ("inventory", lambda one: one.face["inventory"]),
        ("maxPerUser", lambda one: one.max_per_user),
        ("codeSource", lambda one: one.code_source),
        ("codesLeft", lambda one: one.face["codesLeft"]),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.catalog_items.filter(deleted_at=None)

    def decorate(self, records: list) -> list:
        for item, face in zip(records, catalog.faces(self.request.app, records), strict=True):
            item.face = face
            item.costs = points(0, item.coin_cost, item.token_cost)
            item.is_unlimited = face["inventory"] == catalog.UNLIMITED
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "incentives.edit")}


class ItemForm(RuleForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Coffee on us"})
    )
    description = forms.CharField(
        max_length=2000, widget=forms.TextInput(attrs={"autocomplete": "off"}), help_text="Your app shows it."
    )
    image_url = forms.CharField(
        label="Address of a picture", max_length=2000, widget=forms.URLInput(attrs={"placeholder": "https://…"})
    )
    coin_cost = Count(label="Coins")
    token_cost = Count(label="Tokens")
    inventory = Count(label="In stock", help_text="Empty: without end.", empty=catalog.UNLIMITED)
    inventory_seen = forms.CharField(widget=forms.HiddenInput)
    max_per_user = Count(label="At most, each user", help_text="Empty: without end.", empty=None)
    code_source = forms.ChoiceField(
        label="With a code?",
        choices=[
            (CodeSource.NONE, "No: somebody hands it over"),
            (CodeSource.GENERATED, "Yes: a new one is made each time"),
            (CodeSource.POOL, "Yes: from those that are uploaded"),
        ],
        initial=CodeSource.NONE,
    )
    code_prefix = forms.CharField(label="Codes begin with", max_length=12, help_text="Letters and digits.")
    published = forms.BooleanField(label="On offer: users can redeem it", initial=True)

    own = ("seen", "inventory_seen")
    needed = ("name", "coin_cost")
    wide = ("name", "description", "image_url", "code_source", "published")
    sections = (
        ("Basics", "", ("name", "description", "image_url")),
        ("What it costs", "", ("coin_cost", "token_cost")),
        ("How many there are", "", ("inventory", "max_per_user")),
        ("Handing over", "An item with a code is fulfilled at once.", ("code_source", "code_prefix")),
        ("Shelf", "", ("published",)),
    )

    @classmethod
    def initial_of(cls, rule: Item) -> dict:
        stock = stock_of(rule)
        return super().initial_of(rule) | {"inventory": stock, "inventory_seen": stock}

    def sent(self) -> dict:
        body = super().sent()
        if self.rule is not None and self.cleaned_data.get("inventory") == self.cleaned_data.get("inventory_seen"):
            body.pop("inventory", None)  # it was not touched: what was redeemed meanwhile stays redeemed
        return body

    def checked(self, body: dict) -> dict:
        values = (ItemInput if self.rule is None else ItemChanges).parse(body)
        if self.rule is not None and "inventory" in values:
            stock = stock_of(self.rule)
            if stock != self.cleaned_data.get("inventory_seen"):
                raise InvalidInput(
                    {"inventory": [f"Meanwhile it became {stock or 'unlimited'}. Please open the item again."]}
                )
        return values


def stock_of(item: Item) -> str:
    """What is left of a limited item, as the form shows it; empty where there is no end."""
    left = ItemStock.objects.filter(item=item).values_list("left", flat=True).first() if item.limited else None
    return "" if left is None else str(left)


class EditItem(RuleFormPage):
    section = "catalog"
    template_name = "incentives/item.html"
    form_class = ItemForm
    noun, plural = "item", "Catalog"
    lead = "What was redeemed stays as it was."

    def find(self, item_id: str) -> Item:
        return catalog.get(self.request.app, item_id)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        app = self.request.app
        item = catalog.create(app, form.values) if form.rule is None else catalog.revise(app, form.rule.pk, form.values)
        return catalog.faces(app, [item])[0]


class DeleteItem(Button):
    permission = "incentives.edit"
    section = "catalog"

    def act(self, item_id: str) -> str:
        item = catalog.get(self.request.app, item_id)
        catalog.delete(self.request.app, item_id)
        return f"{item.name} is off the shelf for good. Its redemptions stay."


class CodesForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        required=False,
        help_text="The codes stand in the first column, with or without a heading.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
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


class UploadCodes(AppPage):
    """Codes into an item's pool, in two steps: what an upload holds is shown first, and added on request, all or none.

    In between the new codes wait in the cache for an hour, for whoever uploaded them: they never stand in a page.
    """

    permission = "incentives.edit"
    section = "catalog"
    template_name = "incentives/codes.html"

    def get(self, request: HttpRequest, item_id: str) -> HttpResponse:
        return self.show(catalog.get(request.app, item_id), CodesForm())

    def post(self, request: HttpRequest, item_id: str) -> HttpResponse:
        item = catalog.get(request.app, item_id)
        if "token" in request.POST:
            return self.commit(item, request.POST["token"])
        form = CodesForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(item, form, status=422)
        try:
            upload = catalog.examine(request.app, form.codes())
        except InvalidInput as error:
            for field, sentences in error.details.items():
                form.add_error("file" if field in ("file", "codes") else None, sentences)
            return self.show(item, form, status=422)
        token = secrets.token_urlsafe(16)
        if upload.new:
            cache.set(self.place(item, token), upload.new, KEPT_S)
        return self.show(item, CodesForm(), upload=upload, token=token)

    def commit(self, item: Item, token: str) -> HttpResponse:
        waiting = cache.get(self.place(item, token[:64]))
        if waiting is None:
            messages.warning(self.request, "This upload was added already, or is no longer kept. Please send it again.")
            return redirect(self.url("upload_codes", item.pk))
        try:
            with transaction.atomic():
                done = catalog.add_codes(self.request.app, item.pk, waiting)
        except NotFound:
            raise
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.url("upload_codes", item.pk))
        cache.delete(self.place(item, token[:64]))
        more = f" {done['duplicate']:,} had been added meanwhile." if done["duplicate"] else ""
        messages.success(
            self.request,
            f"{done['new']:,} code{'s are' if done['new'] != 1 else ' is'} in the pool of {item.name}.{more}",
        )
        return redirect(self.url("catalog"))

    def place(self, item: Item, token: str) -> str:
        return f"incentives.codes.{item.pk}.{self.request.user.pk}.{token}"

    def show(self, item: Item, form: CodesForm, *, upload=None, token: str = "", status: int = 200) -> HttpResponse:
        context: dict = {"item": item, "form": form, "token": token}
        if upload is not None:
            context |= {
                "upload": upload,
                "bad": upload.bad[:20],
                "sample": [masked(code) for code in upload.new[:SAMPLE]],
            }
        context["left"] = ItemCode.objects.filter(app=self.request.app, item=item, redemption_id=None).count()
        return self.page(context, status=status)


def masked(code: str) -> str:
    """``SUMM…K9``: enough to recognise, too little to redeem."""
    return f"{code[:4]}…{code[-2:]}" if len(code) > 8 else f"{code[:2]}…"
