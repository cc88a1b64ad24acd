"""One person's data: taken along as a file, or erased. Whoever may change the app may do it, and it leaves a line."""

import random
import time

from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from incenta.accounts import audit, people
from incenta.api.transactions import COLLISIONS, MOST_RUNS
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import AppPage
from incenta.errors import Conflict, DomainError, NotFound

LONGEST = 255


def asked(request: HttpRequest) -> str:
    """The user id that the form names; as it is, for ids are compared letter by letter."""
    return (request.POST.get("id") or request.GET.get("id") or "")[:LONGEST].replace("\0", "")


class PersonsData(AppPage):
    """``?id=`` fills the form in. Nothing is told of anybody before a button is pressed."""

    permission = "app.settings"
    section = "settings"
    template_name = "accounts/persons_data.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown()

    def shown(self, status: int = 200, **context) -> HttpResponse:
        return self.page({"user_id": asked(self.request)} | context, template=PersonsData.template_name, status=status)


class ExportPerson(PersonsData):
    """POST: the file. Its name does not name the person, who may stand beside in a folder of downloads."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user_id = asked(request)
        try:
            held = people.export(request.app, user_id)
        except NotFound as error:
            return self.shown(status=422, export_error=error.message)
        key = people.tombstone_key(request.app, user_id).hex()[:12]
        audit.note("person.exported", actor_of(request), app=request.app, person=key)
        response = StreamingHttpResponse(held, content_type="application/json; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="person-{key}.json"'
        return response


class ErasePerson(PersonsData):
    """POST ``id`` and the same in ``confirm``. The answer shows the new name this once."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        user_id = asked(request)
        if not user_id or request.POST.get("confirm", "") != user_id:
            return self.shown(status=422, erase_error="Nothing is erased: the two ids are not the same.")
        try:
            erased = self.erased(user_id)
        except Conflict as error:
            return self.shown(status=409, erase_error=error.message)
        except DomainError as error:
            return self.shown(status=422, erase_error=error.message)
        return self.page({"erased": erased}, template="accounts/person_erased.html")

    def erased(self, user_id: str) -> dict:
        """Erases, and again where it collided with somebody's writing: the database has undone all of it then.

        Raises ``Conflict`` ``busy`` when it collides every time.
        """
        app, by = self.request.app, actor_of(self.request)
        key = people.tombstone_key(app, user_id).hex()[:12]
        for run in range(1, MOST_RUNS + 1):
            try:
                with transaction.atomic():
                    erased = people.erase(app, user_id, by=by)
                    audit.note("person.erased", by, app=app, person=key, records=erased["records"])
                return erased
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in COLLISIONS or connection.in_atomic_block:
                    raise
                time.sleep(random.uniform(0.005, 0.03) * run)
        raise Conflict("busy", "Nothing is erased: much is being written of this person right now. Please try again.")
