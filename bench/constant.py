"""The floor of HTTP: a plain Django view that answers constant JSON, without middleware and without a database."""

import gc

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path

ANSWER = b'{"referralCode":"K7QF2ZT9","referralId":"ref_01m831b2qts05fen4vdq67f4qp","status":"PENDING","warning":null}'


def constant(request):
    return HttpResponse(ANSWER, content_type="application/json", headers={"Content-Length": str(len(ANSWER))})


urlpatterns = [re_path("", constant)]

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], SECRET_KEY="of no use")
application = get_wsgi_application()
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
