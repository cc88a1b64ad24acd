"""``/v1/users/{userId}/export`` and ``DELETE /v1/users/{userId}``: one person's data, contract section 10."""

from rest_framework.response import Response

from incenta.accounts import people
from incenta.api.lists import check_parameters
from incenta.api.views import ApiView


class Export(ApiView):
    """``GET``: all that is held of the person, by noun, as it is stored."""

    def get(self, request, user_id):
        check_parameters(request, frozenset())
        return Response(people.export(request.app, user_id))


class Person(ApiView):
    """``DELETE``: takes the person's name off everything, at once. Answers the name that the rows have now, this once."""

    def delete(self, request, user_id):
        return Response(people.erase(request.app, user_id, by=request.api_key.pk))
