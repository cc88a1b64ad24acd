"""The catalog: what points buy, what is left of it, and the codes that are handed out."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta.code_pool import Upload
from incenta.dashboard.access import may
from incenta.dashboard.api_form import Count
from incenta.dashboard.code_upload import CodeUploadPage
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incenta.errors import InvalidInput
from incentives import catalog
from incentives.api.catalog import ItemChanges, ItemInput
from incentives.models import Item, ItemCode, ItemStock
from incentives.models.catalog import CodeSource

from .rule_form import RuleForm, RuleFormPage
from .words import points

SHELF = [("on", "On offer"), ("off", "Not on offer")]


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


class UploadCodes(CodeUploadPage):
    """Codes into an item's pool."""

    permission = "incentives.edit"
    section = "catalog"
    template_name = "incentives/codes.html"
    noun = "item"
    here = "upload_codes"

    def find(self, item_id: str) -> Item:
        return catalog.get(self.request.app, item_id)

    def examine(self, sent: list[str]) -> Upload:
        return catalog.examine(self.request.app, sent)

    def add(self, owner: Item, codes: list[str]) -> dict:
        return catalog.add_codes(self.request.app, owner.pk, codes)

    def left(self, owner: Item) -> int:
        return ItemCode.objects.filter(app=self.request.app, item=owner, redemption_id=None).count()
