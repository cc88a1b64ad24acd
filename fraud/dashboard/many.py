"""Deciding many cases: first what would follow, then, with a note, the deed; and one undo for all of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fraud import deciding_many, undoing
from fraud.deciding_many import MOST_AT_ONCE, Results
from fraud.models import Case, Verdict
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import DomainError, InvalidInput

from .decisions import number
from .sums import lines, worth


class DecideMany(AppPage):
    """POST with ``id`` and ``verdict`` shows what would follow; with ``sure`` as well it is done, but for what has changed."""

    section = "fraud"
    permission = "fraud.decide"
    template_name = "fraud/many.html"
    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest, **kwargs) -> HttpResponse:
        return redirect(self.url("fraud"))

    def post(self, request: HttpRequest, **kwargs) -> HttpResponse:
        verdict, ids = request.POST.get("verdict", ""), request.POST.getlist("id")
        if not ids:
            return self.asked(verdict, [], refusal="Select the cases first.")
        if not request.POST.get("sure"):
            return self.asked(verdict, ids)
        note = request.POST.get("note", "").strip()
        if verdict == Verdict.REJECT and not note:
            return self.asked(verdict, ids, refusal="Say why: a rejection needs a note.")
        known = {case.pk: case for case in request.app.fraud_cases.filter(pk__in=ids[:MOST_AT_ONCE])}
        seen = dict(one.split(":", 1) for one in request.POST.getlist("seen") if ":" in one)
        changed = [case for case in known.values() if number(seen.get(case.pk)) not in (None, case.version)]
        going = [id for id in ids if id not in {case.pk for case in changed}]
        try:
            found = self.decided(verdict, going, note) if going else None
        except DomainError as error:
            return self.asked(verdict, ids, refusal=error.message)
        return self.page(
            {
                "verdict": verdict,
                "found": found,
                "lines": lines(found.decided) if found else [],
                "changed": changed,
                "refused": [each for each in found.results if each.refusal] if found else [],
                "done": [outcome.decision.pk for outcome in found.decided] if found else [],
                "worth": worth(found.held) if found else "",
            },
            template="fraud/many_done.html",
        )

    def decided(self, verdict: str, ids: list[str], note: str) -> Results:
        request = self.request
        return deciding_many.decide_many(
            request.app, verdict, actor=actor_of(request), user=request.user, ids=ids, note=note
        )

    def asked(self, verdict: str, ids: list[str], *, refusal: str = "") -> HttpResponse:
        """What would follow, and the form that does it."""
        found: Results | None = None
        shown: list[Case] = []
        if ids:
            try:
                found = deciding_many.decide_many(
                    self.request.app, verdict, actor=actor_of(self.request), ids=ids, note="dry run", dry_run=True
                )
                shown = list(self.request.app.fraud_cases.filter(pk__in=ids).order_by("-expected_loss", "-id"))
            except DomainError as error:
                refusal = refusal or error.message
        return self.page(
            {
                "verdict": verdict,
                "found": found,
                "cases": shown,
                "lines": lines(found.decided) if found else [],
                "refused": [each for each in found.results if each.refusal] if found else [],
                "refusal": refusal,
                "worth": worth(found.held) if found else "",
            },
            status=400 if refusal and not found else 200,
        )


class DecideByScore(DecideMany):
    """``?max_score=`` shows what releasing all up to it would do, ``?min_score=`` what rejecting all from it on would."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, **kwargs) -> HttpResponse:
        most, least = number(request.GET.get("max_score")), number(request.GET.get("min_score"))
        if not request.GET:
            return redirect(self.url("fraud"))
        try:
            if (most is None) == (least is None):
                raise InvalidInput({"score": ["Name one of the two scores."]})
            verdict = Verdict.APPROVE if least is None else Verdict.REJECT
            found = deciding_many.decide_many(
                request.app, verdict, actor=actor_of(request), min_score=least, max_score=most, note="dry run", dry_run=True
            )  # fmt: skip
        except DomainError as error:
            sentences = [sentence for told in error.details.values() for sentence in told] if error.details else []
            return self.page({"refusal": " ".join(sentences) or error.message, "cases": []}, status=400)
        ids = [each.case_id for each in found.results]
        return self.page(
            {
                "verdict": verdict.value,
                "found": found,
                "cases": list(request.app.fraud_cases.filter(pk__in=ids).order_by("-expected_loss", "-id")),
                "lines": lines(found.decided),
                "refused": [each for each in found.results if each.refusal],
                "refusal": "",
                "worth": worth(found.held),
                "rest": found.matched - len(found.results),
            }
        )


class UndoMany(Action):
    """Takes all of these decisions back, each by itself."""

    permission = "fraud.decide"
    section = "fraud"

    def act(self) -> str:
        app, undone, refused = self.request.app, 0, []
        for decision_id in self.request.POST.getlist("decision")[:MOST_AT_ONCE]:
            try:
                undoing.undo(app, decision_id, actor=actor_of(self.request), user=self.request.user)
                undone += 1
            except DomainError as error:
                refused.append(error.message)
        told = f"{undone} decision{'' if undone == 1 else 's'} undone."
        return told + (f" {len(refused)} could not be: {refused[0]}" if refused else "")
