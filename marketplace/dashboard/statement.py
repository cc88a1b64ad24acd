"""The month's statement: what stands between the app and each partner, and every entry behind it."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase

from incenta import money
from incenta.dashboard.access import may
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import InvalidInput
from marketplace import settlement
from marketplace.api.statement import as_csv
from marketplace.settlement import Account, Line, Month


class Statement(AppPage):
    """``GET ?month=2026-11&page=2``; ``&export=csv`` is the file that the API gives."""

    section = "statement"
    template_name = "marketplace/statement.html"
    per_page = 100

    def get(self, request: HttpRequest) -> HttpResponseBase:
        app, present = request.app, Month.present(request.app)
        asked = request.GET.get("month")
        try:
            month = Month.parse(asked) if asked else present
        except InvalidInput:
            return self.page({"month": present, "is_understood": False})
        if request.GET.get("export") == "csv":
            if not may(request, "programme.export"):
                return forbidden(request, "programme.export")
            return as_csv(app, month)
        page = Paginator(settlement.entries(app, month).order_by("occurred_at", "id"), self.per_page).get_page(
            request.GET.get("page")
        )
        some = list(page.object_list)
        accounts = settlement.accounts(app, month)  # after the entries, so that whoever is in one is among them
        return self.page(
            {
                "month": month,
                "is_present": month == present,
                "later": month.next if month < present else None,
                "is_understood": True,
                "accounts": [account_told(account) for account in accounts],
                "totals": [sums(currency, accounts) for currency in sorted({one.currency for one in accounts})],
                "lines": [line_told(line) for line in settlement.lines(app, settlement.by_partner(accounts), some)],
                "page": page,
                "may_export": may(request, "programme.export"),
            }
        )


def account_told(account: Account) -> dict:
    return {"name": account.name, "account": account, "net": net_told(account.net, account.currency)}


def sums(currency: str, accounts: list[Account]) -> dict:
    """What all partners together owe and are owed in one currency."""
    ours = [account for account in accounts if account.currency == currency]
    net = sum(account.net for account in ours)
    return {
        "currency": currency,
        "owed_to_us": sum(account.owed_to_us for account in ours),
        "owed_by_us": sum(account.owed_by_us for account in ours),
        "net": net_told(net, currency),
    }


def net_told(minor: int, currency: str) -> dict:
    """In words, for a sign is easily overlooked: who pays, and how much."""
    if minor == 0:
        return {"words": "Even", "amount": ""}
    return {"words": "You receive" if minor > 0 else "You pay", "amount": money.display(abs(minor), currency)}


def line_told(line: Line) -> dict:
    is_return = line.entry.kind != settlement.OWE
    return {
        "entry": line.entry,
        "redemption": line.entry.redemption,
        "partner": line.partner.name,
        "what": ("Their user here" if line.direction == settlement.TO_US else "Your user there")
        + (", taken back" if is_return else ""),
        "is_plus": line.net > 0,
        "change": f"{'+' if line.net > 0 else '−'}{money.display(abs(line.net), line.entry.currency)}",
    }
