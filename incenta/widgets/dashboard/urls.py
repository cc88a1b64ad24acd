"""``/dashboard/{app_id}/widgets/…`` and the simulator."""

from django.urls import path

from .pages import MakeKey, NewSecret, SettleBoards, Widgets
from .samples import Sample
from .simulator import Simulator, Window

urlpatterns = [
    path("widgets/", Widgets.as_view(), name="widgets"),
    path("widgets/key/", MakeKey.as_view(), name="make_widget_key"),
    path("widgets/boards/", SettleBoards.as_view(), name="settle_boards"),
    path("widgets/secret/", NewSecret.as_view(), name="new_signing_secret"),
    path("widgets/sample/<slug:state>/<path:call>", Sample.as_view(), name="widget_sample"),
    path("simulator/", Simulator.as_view(), name="simulator"),
    path("simulator/api/<path:call>", Window.as_view(), name="simulator_window"),
]
