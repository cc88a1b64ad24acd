"""``/v1/users/{userId}/export`` and ``DELETE /v1/users/{userId}``: one person's data, contract section 10."""

from django.http import StreamingHttpResponse
from rest_framework.response import Response

from incenta.accounts import people
from incenta.api.lists import check_parameters
from incenta.api.views import ApiView
from incenta.errors import InvalidInput


class Export(ApiView):
    """``GET``: all that is held of the person, by noun, as it is stored; sent as it is read."""

    def get(self, request, user_id):
        check_parameters(request, frozenset())
        return StreamingHttpResponse(people.export(request.app, user_id), content_type="application/json")


class Person(ApiView):
    """``DELETE``: takes the person's name off everything, at once. Answers the name that the rows have now, this once."""

    def delete(self, request, user_id):
        if request._request.path_info.endswith("/"):
            # elsewhere a slash at the end is forgiven; here it may be the end of somebody else's id
            raise InvalidInput({"userId": ["Must not end in a slash here: erase such an id from the dashboard."]})
        return Response(people.erase(request.app, user_id, by=request.api_key.pk))
