"""``/v1/webhooks/{id}/replays`` and ``/v1/webhooks/replays/{id}``: the jobs that send again in the background."""

from rest_framework.response import Response

from incenta import clock
from incenta.api.lists import ListView
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import NotFound

from ..models import WebhookReplay
from ..models.replay import progress_of
from .deliveries import STATUSES


def face(job: WebhookReplay, progress: dict[str, int] | None = None) -> dict:
    """A job, and how its deliveries stand."""
    return {
        "id": job.id,
        "webhookId": job.endpoint_id,
        "kind": job.kind.upper(),
        "status": STATUSES[job.of_state] if job.of_state else None,
        "events": job.of_types,
        "since": clock.iso(job.since),
        "until": clock.iso(job.until),
        "state": job.state.upper(),
        "queued": job.queued,
        "hasMore": job.state == WebhookReplay.State.RUNNING,
        "progress": job.progress() if progress is None else progress,
        "createdAt": clock.iso(job.created_at),
        "endedAt": clock.iso(job.ended_at),
    }


class Replays(ListView):
    """``GET``: an endpoint's jobs, newest first."""

    plural = "replays"

    def get(self, request, webhook_id):
        from .endpoints import find

        self.endpoint = find(request, webhook_id)
        return super().get(request)

    def get_queryset(self):
        return WebhookReplay.objects.filter(app=self.request.app, endpoint=self.endpoint)

    def faces(self, items):
        progress = progress_of(items)
        return [face(job, progress[job.pk]) for job in items]


def find_replay(request: ApiRequest, replay_id: str) -> WebhookReplay:
    jobs = WebhookReplay.objects.filter(app=request.app, endpoint__deleted_at=None)
    if (job := jobs.filter(pk=replay_id).first()) is None:
        raise NotFound("replay_not_found", "Replay not found.")
    return job


class ShownReplay(ApiView):
    """``GET``: how a job stands."""

    def get(self, request, replay_id):
        return Response(face(find_replay(request, replay_id)))


class CancelReplay(ApiView):
    """``POST``: no more is sent; what no request was made for is taken back. Harmless once it has ended."""

    def post(self, request, replay_id):
        job = find_replay(request, replay_id)
        job.cancel()
        return Response(face(job))
