"""A draft tried on the past, as a page: how far it has come, whom it would judge otherwise, and its record against verdicts."""

from django.http import HttpRequest, HttpResponse

from fraud import backtesting, rule_sets
from fraud.models import Backtest
from fraud.weights import signals
from incenta.dashboard.access import actor_of, actors
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import InvalidInput

MOST_GAPS = 8


class BacktestPage(AppPage):
    section = "fraud_rules"
    permission = "fraud.read"
    template_name = "fraud/backtest.html"

    def get(self, request: HttpRequest, backtest_id: str) -> HttpResponse:
        found = backtesting.get(request.app, backtest_id)
        context = {
            "backtest": found,
            "result": shown(found),
            "by": actors(request, {found.actor}).get(found.actor, found.actor),
        }
        return self.page(context, template=f"{self.template_name}#results" if request.htmx else "")


def shown(found: Backtest) -> dict:
    """The result in the order in which a person reads it."""
    result = backtesting.result_face(found)
    tried = sorted(result["signals"].items(), key=lambda line: -(line[1]["then"] + line[1]["now"]))
    gaps = sorted(result["signalsNotEvaluable"].items(), key=lambda line: -line[1])
    return result | {
        "lists": [("Newly flagged", result["newlyFlagged"]), ("No longer flagged", result["noLongerFlagged"])],
        "lines": [{"code": code, "signal": signals().get(code)} | told for code, told in tried],
        "records": [
            (name, cells | {kind: share_told(cells[kind]) for kind in ("precision", "recall")})
            for name, cells in (("Then", result["then"]), ("With this version", result["now"]))
        ],
        "gaps": [{"code": code, "count": count} for code, count in gaps[:MOST_GAPS]],
        "more_gaps": max(0, len(gaps) - MOST_GAPS),
    }


def share_told(share: dict | None) -> dict | None:
    """``{"told": "80 %", "between": "38 to 96 %, of 5"}``"""
    if share is None:
        return None
    low, middle, high = (round(100 * share[name]) for name in ("low", "share", "high"))
    return {"told": f"{middle} %", "between": f"{low} to {high} %, of {share['of']:,}"}


class StartBacktest(Action):
    permission = "fraud.decide"
    section = "fraud_rules"

    def act(self, rule_set_id: str) -> str:
        rule_sets.get(self.request.app, rule_set_id)  # absent before ill-chosen
        days = self.request.POST.get("days", "")
        if days not in {str(each) for each in backtesting.DAYS}:
            raise InvalidInput({"days": ["Choose how many days."]}, message="Choose how many days.")
        self.made = backtesting.begin(self.request.app, rule_set_id, days=int(days), actor=actor_of(self.request))
        return f"Trying it on the last {days} days."

    def back(self, rule_set_id: str) -> str:
        made = getattr(self, "made", None)
        return self.url("fraud_backtest", made.pk) if made else self.url("fraud_version", rule_set_id)
