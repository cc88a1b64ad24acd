"""``POST /hooks/test/{token}``: the test receiver, for whoever knows a sandbox app's address of it."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import receiving


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Needs no sign-in: the token is the permission, and all that it permits is to be shown on one page."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > receiving.LARGEST_BODY:
        return HttpResponse(f"At most {receiving.LARGEST_BODY // 1024} KiB.", status=413, content_type="text/plain")
    status, text = receiving.receive(token, dict(request.headers), request.body)
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


urlpatterns = [path("<str:token>", receive, name="test_receiver")]
