"""The routes of webhooks."""

from django.urls import path

from . import deliveries, endpoints, replays

urlpatterns = [
    path("webhooks", endpoints.Endpoints.as_view()),
    path("webhooks/event-types", endpoints.EventTypes.as_view()),
    path("webhooks/deliveries", deliveries.AppDeliveries.as_view()),
    path("webhooks/deliveries/<str:delivery_id>", deliveries.Delivery.as_view()),
    path("webhooks/deliveries/<str:delivery_id>/replay", deliveries.ReplayDelivery.as_view()),
    path("webhooks/replays/<str:replay_id>", replays.ShownReplay.as_view()),
    path("webhooks/replays/<str:replay_id>/cancel", replays.CancelReplay.as_view()),
    path("webhooks/<str:webhook_id>", endpoints.Endpoint.as_view()),
    path("webhooks/<str:webhook_id>/deliveries", deliveries.Deliveries.as_view()),
    path("webhooks/<str:webhook_id>/rotate-secret", endpoints.RotateSecret.as_view()),
    path("webhooks/<str:webhook_id>/promote-secret", endpoints.PromoteSecret.as_view()),
    path("webhooks/<str:webhook_id>/test", endpoints.Test.as_view()),
    path("webhooks/<str:webhook_id>/replay", endpoints.Replay.as_view()),
    path("webhooks/<str:webhook_id>/recover", endpoints.Recover.as_view()),
    path("webhooks/<str:webhook_id>/replay-missing", endpoints.ReplayMissing.as_view()),
    path("webhooks/<str:webhook_id>/replays", replays.Replays.as_view()),
    path("webhooks/<str:webhook_id>/check-signature", endpoints.CheckSignature.as_view()),
    path("webhooks/<str:webhook_id>/asymmetric-key", endpoints.AsymmetricKey.as_view()),
]
