"""Linked accounts of a case: who shares what with whom, as tables that say all, and as a graph for whom a picture helps; one hop
further by a link. Their open cases lead to the one decision of many."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django_htmx.http import push_url

from fraud import cases, linked
from fraud.deciding_many import MOST_AT_ONCE
from fraud.dossier import SHOWN
from fraud.linked import Account, Key, Ring
from fraud.models import Case, CaseStatus, KeyKind
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.pages import AppPage

from . import pictures
from .sums import worth

MOST_NAMED = 3
"""Others whom a row names of one key; the table of keys names all."""
LONGEST_ID = 255
SHORT = {
    KeyKind.IP: "address",
    KeyKind.DEVICE: "device",
    KeyKind.EMAIL: "e-mail",
    KeyKind.PHONE: "phone",
    KeyKind.PAYMENT: "payment",
    KeyKind.EMAIL_PATTERN: "e-mail pattern",
}
TEXT_OF = {kind: name for name, _, kind in SHOWN if kind is not None}


@dataclass(slots=True)
class Share:
    """One key of an account, with the others who have it."""

    key: Key
    named: list[str]
    rest: int


@dataclass(slots=True)
class Row:
    """One account of the table."""

    account: Account
    shares: list[Share]
    cases: list[Case]
    held: str
    address: str
    """Of this page with one hop more from here, or without it again; empty for the people of the case, who were asked already."""
    is_further: bool


@dataclass(slots=True)
class KeyRow:
    """One key of the table."""

    key: Key
    text: str
    """Masked; empty where no sighting tells it any more."""
    people: list[Account]
    rest: int


class Linked(AppPage):
    """``?also=`` asks one hop further from that account; may be repeated, eight times at most."""

    section = "fraud"
    permission = "fraud.read"
    template_name = "fraud/linked.html"

    def get(self, request: HttpRequest, case_id: str) -> HttpResponse:
        app = request.app
        case = cases.get(app, case_id)
        asked = [each for each in request.GET.getlist("also") if 0 < len(each) <= LONGEST_ID]
        further = list(dict.fromkeys(asked))[: linked.MOST_FURTHER]
        ring = linked.of_case(app, case, further)
        waiting = list(_open(app, {*ring.open_cases(), case.pk}))
        whole = {each.pk: each for each in waiting}
        rows = [_row(ring, each, whole, further) for each in ring.people]
        keys = _key_rows(app, ring)
        is_fragment = request.htmx and not request.htmx.history_restore_request
        response = self.page(
            {
                "case": case,
                "rows": rows,
                "keys": keys,
                "summary": pictures.summary(ring) if ring.keys else "",
                "is_cut": ring.is_cut,
                "is_full": len(further) == linked.MOST_FURTHER,
                "graph": _graph(ring) if ring.keys else None,
                "outcomes": pictures.OUTCOMES,
                "waiting": [(each, _whose(ring, each)) for each in waiting] if _are_several(waiting, case) else [],
                "is_cut_short": len(ring.open_cases()) > MOST_AT_ONCE,
                "worth": worth(_sum(each.held for each in waiting)),
                "may_decide": may(request, "fraud.decide"),
            },
            template=f"{self.template_name}#linked" if is_fragment else "",
        )
        patch_vary_headers(response, ["HX-Request"])
        if is_fragment:
            push_url(response, request.get_full_path())
        return response


def _open(app: App, ids: set[str]) -> QuerySet[Case]:
    """Those that are not decided yet, at most as many as are decided at once, what would cost most first."""
    found = app.fraud_cases.filter(pk__in=ids).exclude(status=CaseStatus.CLOSED)
    return found.order_by("-expected_loss", "-id")[:MOST_AT_ONCE]


def _are_several(waiting: Sequence[Case], case: Case) -> bool:
    """Whether there is anything to decide beside this case."""
    return any(each.pk != case.pk for each in waiting)


def _whose(ring: Ring, case: Case) -> list[Account]:
    return [each for each in ring.people if case.pk in each.cases]


def _row(ring: Ring, account: Account, waiting: dict[str, Case], further: Sequence[str]) -> Row:
    shares = []
    for key in ring.keys:
        if account.user_id in key.users:
            others = [user for user in key.users if user != account.user_id]
            shares.append(Share(key, others[:MOST_NAMED], len(others) - MOST_NAMED))
    own = [waiting[case_id] for case_id in account.cases if case_id in waiting]
    is_further = account.user_id in further
    also = [user for user in further if user != account.user_id] + [account.user_id] * (not is_further)
    address = "" if account.outcome == "subject" else f"?{urlencode({'also': also}, doseq=True)}"
    held = _sum(each.held for each in own)
    return Row(account, shares, own, worth(held) if held else "", address, is_further)


def _key_rows(app: App, ring: Ring) -> list[KeyRow]:
    keys = sorted([*ring.keys, *ring.hubs], key=lambda key: (bool(key.hub), len(key.name), key.name))
    texts = linked.shown(app, keys)
    rows = []
    for key in keys:
        people = [each for each in ring.people if each.user_id in key.users]
        text = texts.get(key.key, {}).get(TEXT_OF.get(key.kind, ""), "")
        rows.append(KeyRow(key, text, people, len(key.users) - len(people)))
    return rows


def _graph(ring: Ring) -> dict:
    """What the script draws; all that is to be read of a node stands in its row of a table."""
    return {
        "summary": pictures.summary(ring),
        "people": [
            {"id": f"u{each.number}", "number": each.number, "name": each.user_id, "outcome": each.outcome}
            for each in ring.people
        ],
        "keys": [
            {"id": f"k{each.name}", "letter": each.name, "name": f"{SHORT[each.kind]} {each.name}", "isHub": bool(each.hub)}
            for each in [*ring.keys, *ring.hubs]
        ],
        "ties": [[f"u{ring.people[place].number}", f"k{ring.keys[at].name}"] for place, at in ring.ties],
    }  # fmt: skip


def _sum(all_held) -> dict[str, int]:
    total: dict[str, int] = {}
    for held in all_held:
        for asset, minor in held.items():
            total[asset] = total.get(asset, 0) + minor
    return total
