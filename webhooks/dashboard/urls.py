"""``/dashboard/{app_id}/webhooks/…``"""

from django.urls import path

from .changing import DeleteEndpoint, DropKeys, NewKey, Pause, PromoteSecret, Resume, RotateSecret, Settings
from .deliveries import Deliveries, Delivery, Resend
from .endpoints import Endpoints, NewEndpoint
from .receiver import AnswerWith, ForgetReceived, Receiver
from .replays import CancelReplay, Replays
from .signatures import CheckSignature
from .trying import TryEndpoint

urlpatterns = [
    path("webhooks/", Endpoints.as_view(), name="webhooks"),
    path("webhooks/new/", NewEndpoint.as_view(), name="new_webhook"),
    path("webhooks/receiver/", Receiver.as_view(), name="webhook_receiver"),
    path("webhooks/receiver/answer/", AnswerWith.as_view(), name="answer_webhooks_with"),
    path("webhooks/receiver/forget/", ForgetReceived.as_view(), name="forget_received_webhooks"),
    path("webhooks/deliveries/<str:delivery_id>/", Delivery.as_view(), name="webhook_delivery"),
    path("webhooks/deliveries/<str:delivery_id>/resend/", Resend.as_view(), name="resend_webhook"),
    path("webhooks/<str:webhook_id>/", Deliveries.as_view(), name="webhook"),
    path("webhooks/<str:webhook_id>/test/", TryEndpoint.as_view(), name="try_webhook"),
    path("webhooks/<str:webhook_id>/replays/", Replays.as_view(), name="webhook_replays"),
    path("webhooks/<str:webhook_id>/replays/<str:replay_id>/cancel/", CancelReplay.as_view(), name="cancel_replay"),
    path("webhooks/<str:webhook_id>/check/", CheckSignature.as_view(), name="check_webhook_signature"),
    path("webhooks/<str:webhook_id>/settings/", Settings.as_view(), name="webhook_settings"),
    path("webhooks/<str:webhook_id>/rotate/", RotateSecret.as_view(), name="rotate_webhook_secret"),
    path("webhooks/<str:webhook_id>/promote/", PromoteSecret.as_view(), name="promote_webhook_secret"),
    path("webhooks/<str:webhook_id>/key/", NewKey.as_view(), name="new_webhook_key"),
    path("webhooks/<str:webhook_id>/key/drop/", DropKeys.as_view(), name="drop_webhook_keys"),
    path("webhooks/<str:webhook_id>/pause/", Pause.as_view(), name="pause_webhook"),
    path("webhooks/<str:webhook_id>/resume/", Resume.as_view(), name="resume_webhook"),
    path("webhooks/<str:webhook_id>/delete/", DeleteEndpoint.as_view(), name="delete_webhook"),
]
