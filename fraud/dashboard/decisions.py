"""The buttons of the review: decide, undo, take, note, snooze. Each is one verb, and back to where the analyst was."""

from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from fraud import cases, deciding, dossier, mutes, presence, undoing
from fraud.models import Verdict
from incenta import clock
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import Action
from incenta.errors import InvalidInput

from .sums import lines

UNDO = "fraud_undo"
DONE = {Verdict.APPROVE: "Released", Verdict.REJECT: "Confirmed as fraud", Verdict.KEEP: "Kept on hold"}


class CaseAction(Action):
    permission = "fraud.decide"
    section = "fraud"

    def back(self, case_id: str) -> str:
        return self._at(self.url("fraud_case", case_id))

    def _at(self, url: str) -> str:
        query = self.request.GET.urlencode()
        return f"{url}?{query}" if query else url


class Decide(CaseAction):
    """``verdict`` with the ``version`` that was seen; or ``assign``. Leads on to the next case in the same filter."""

    decided = ""

    def act(self, case_id: str) -> str:
        request, app = self.request, self.request.app
        case = cases.get(app, case_id)
        if request.POST.get("assign"):
            mine = case.assignee_id == request.user.pk
            cases.assign(app, case_id, None if mine else request.user, actor=actor_of(request))
            return "You let go of this case." if mine else "You look after this case."
        verdict = request.POST.get("verdict", "")
        outcome = deciding.decide(
            app,
            case_id,
            verdict,
            actor=actor_of(request),
            user=request.user,
            note=request.POST.get("note", "") or self._reason(case_id, verdict),
            version=self._version(),
            until=self._until() if verdict == Verdict.KEEP else None,
        )
        self.decided = case_id
        presence.leave(app, case_id, request.user.pk)
        self.request.session[UNDO] = outcome.decision.pk  # the next page offers to take it back with one key
        return f"{DONE[Verdict(verdict)]}: {_summary(outcome)}"

    def _version(self) -> int | None:
        """The case as it was on the page."""
        asked = self.request.POST.get("version")
        found = number(asked)
        if asked and found is None:
            raise InvalidInput({"version": ["Is not a version of a case."]})
        return found

    def _reason(self, case_id: str, verdict: str) -> str:
        """A rejection needs a reason: without a note it is what spoke loudest."""
        if verdict != Verdict.REJECT:
            return ""
        flag = self.request.app.fraud_flags.filter(case_id=case_id, status="OPEN").order_by("-points", "id").first()
        return flag.message if flag else ""

    def _until(self) -> datetime:
        """The end of the day that was chosen, in the app's zone; a week from now where none was."""
        app = self.request.app
        asked = self.request.POST.get("until")
        if not asked:
            return clock.now(app) + timedelta(days=7)
        try:
            day = date.fromisoformat(asked)
        except ValueError:
            raise InvalidInput({"until": ["Is not a day."]}) from None
        if not MINYEAR + 1 < day.year < MAXYEAR:
            raise InvalidInput({"until": ["Is not a day to wait for."]})
        return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(app.timezone))

    def back(self, case_id: str) -> str:
        following = self.request.POST.get("next")
        if not self.decided:
            return super().back(case_id)
        return self._at(self.url("fraud_case", following) if following else self.url("fraud"))


def _summary(outcome: deciding.Outcome) -> str:
    if outcome.verdict == Verdict.KEEP:
        return f"it comes back on {date_format(outcome.case.kept_until, 'j F')}."
    told = [line.text + (f" ({line.worth})" if line.worth else "") for line in lines([outcome])]
    return "; ".join(told or ["nothing had to move"]) + "."


class Undo(CaseAction):
    def act(self, decision_id: str) -> str:
        undoing.undo(self.request.app, decision_id, actor=actor_of(self.request), user=self.request.user)
        return "The decision is undone: the case is open again."

    def back(self, decision_id: str) -> str:
        decision = self.request.app.fraud_decisions.filter(pk=decision_id).first()
        return self._at(self.url("fraud_case", decision.case_id) if decision else self.url("fraud"))


class Note(CaseAction):
    def act(self, case_id: str) -> str:
        cases.get(self.request.app, case_id)  # absent before empty
        cases.note(self.request.app, case_id, self.request.POST.get("note", ""), actor=actor_of(self.request))
        return "The note is saved."


class Snooze(CaseAction):
    """A signal says nothing of this user for a while."""

    def act(self, case_id: str) -> str:
        app = self.request.app
        user_id = dossier.person_of(app, cases.get(app, case_id))
        if user_id is None:
            raise InvalidInput({"signal": ["There is nobody to snooze it for."]})
        days = number(self.request.POST.get("days"))
        if days not in (30, 90):
            raise InvalidInput({"days": ["Choose 30 or 90 days."]})
        signal = self.request.POST.get("signal", "")
        mutes.add(
            app,
            signal,
            until=clock.now(app) + timedelta(days=days),
            user_id=user_id,
            reason=f"Snoozed from {case_id}",
            actor=actor_of(self.request),
        )
        return f"{signal} adds nothing for {user_id} for {days} days."


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
