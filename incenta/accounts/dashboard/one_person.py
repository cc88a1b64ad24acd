"""One person's data: taken along as a file, or erased. Whoever may change the app may do it, and it leaves a line."""

import json

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from incenta.accounts import audit, people
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound

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

    def post(self, request: HttpRequest) -> HttpResponse:
        user_id = asked(request)
        try:
            held = people.export(request.app, user_id)
        except NotFound as error:
            return self.shown(status=422, export_error=error.message)
        key = people.tombstone_key(request.app, user_id).hex()[:12]
        audit.note("person.exported", actor_of(request), app=request.app, person=key)
        response = HttpResponse(
            json.dumps(held, indent=2, ensure_ascii=False), content_type="application/json; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="person-{key}.json"'
        return response


class ErasePerson(PersonsData):
    """POST ``id`` and the same in ``confirm``. The answer shows the new name this once."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        user_id = asked(request)
        if not user_id or request.POST.get("confirm", "") != user_id:
            return self.shown(status=422, erase_error="Nothing is erased: the two ids are not the same.")
        key = people.tombstone_key(request.app, user_id).hex()[:12]
        try:
            with transaction.atomic():
                erased = people.erase(request.app, user_id, by=actor_of(request))
                audit.note("person.erased", actor_of(request), app=request.app, person=key, records=erased["records"])
        except DomainError as error:
            return self.shown(status=422, erase_error=error.message)
        return self.page({"erased": erased}, template="accounts/person_erased.html")
