"""``/dashboard/{app_id}/marketplace/…``"""

from django.urls import path

from .counter import Counter
from .statement import Statement

urlpatterns = [
    path("marketplace/counter/", Counter.as_view(), name="counter"),
    path("marketplace/statement/", Statement.as_view(), name="statement"),
]
