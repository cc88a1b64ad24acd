"""Sending again what failed, and sending what was never sent: asked for, watched, stopped."""

from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incenta.dashboard.access import actor_of, actors
from incenta.errors import DomainError, NotFound

from ..models import WebhookReplay
from ..models.replay import progress_of
from .deliveries import Moment
from .endpoint_pages import EndpointAction, OfEndpoint, is_fragment, unchanged

KINDS = [
    ("recover", "Recover failed: send again what was given up"),
    ("missing", "Replay missing: send what this endpoint was never sent"),
]
AGES = [
    ("1", "The last hour"),
    ("24", "The last 24 hours"),
    ("168", "The last 7 days"),
    ("", "Since a moment of my own"),
]
SHOWN = 10


class ReplayForm(forms.Form):
    kind = forms.ChoiceField(label="What", choices=KINDS, initial="recover", widget=forms.RadioSelect)
    age = forms.ChoiceField(label="Since when", choices=AGES, initial="24", required=False)
    since = forms.DateTimeField(label="Since", required=False, widget=Moment(), help_text="In your own time zone.")

    def clean(self) -> dict:
        told = super().clean()
        if not told.get("age") and not told.get("since") and not self.has_error("since"):
            self.add_error("since", "Say since when.")
        return told

    def begins_at(self) -> datetime:
        """The start of the window, to the full minute: asking twice within one is the same job."""
        if self.cleaned_data["age"]:
            ago = timezone.now() - timedelta(hours=int(self.cleaned_data["age"]))
            return ago.replace(second=0, microsecond=0)
        return self.cleaned_data["since"]


class Replays(OfEndpoint):
    """The tab with the form and the jobs. A fragment of the jobs alone is what the page asks for while one runs."""

    tab = "replays"
    template_name = "webhooks/replays.html"

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        jobs = self.jobs()
        if is_fragment(request):
            template = "webhooks/replays.html#jobs"
            return unchanged(request, jobs["mark"]) or self.page(jobs | {"endpoint": self.endpoint}, template=template)
        initial = {"kind": request.GET.get("kind", "recover"), "age": "24"}
        return self.show(jobs | {"form": ReplayForm(initial=initial)})

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        form = ReplayForm(request.POST)
        if form.is_valid():
            begin = (
                self.endpoint.recover if form.cleaned_data["kind"] == "recover" else self.endpoint.replay_missing
            )  # fmt: skip
            try:
                begin(form.begins_at(), by=actor_of(request))
            except DomainError as error:
                for sentence in error.details.get("since", [error.message]):
                    form.add_error("since" if "since" in error.details else None, sentence)
            else:
                messages.success(request, "It has begun. What is sent again has the same message ids as before.")
                return redirect(self.url("webhook_replays", webhook_id))
        return self.show(self.jobs() | {"form": form}, status=422)

    def jobs(self) -> dict:
        jobs = list(self.endpoint.replays.order_by("-created_at")[:SHOWN])
        progress = progress_of(jobs)
        names = actors(self.request, {job.created_by for job in jobs})
        for job in jobs:
            job.stands = progress[job.pk]
            job.by = names.get(job.created_by, "")
            job.is_running = job.state == WebhookReplay.State.RUNNING
            job.is_busy = job.is_running or job.stands["waiting"] > 0
            job.arrived = job.stands["delivered"] + job.stands["failed"]
        mark = ".".join(f"{job.pk[-6:]}-{job.state[0]}{job.queued}-{job.arrived}" for job in jobs if job.is_busy)
        return {"jobs": jobs, "is_busy": any(job.is_busy for job in jobs), "mark": mark}


class CancelReplay(EndpointAction):
    """Stops a job; what it has not sent yet is taken back."""

    to = "webhook_replays"

    def act(self, webhook_id: str, replay_id: str) -> str:
        job = self.find(webhook_id).replays.filter(pk=replay_id).first()
        if job is None:
            raise NotFound("replay_not_found", "Replay not found.")
        job.cancel()
        return "It is stopped. What had not been sent yet is taken back."

    def back(self, webhook_id: str, replay_id: str) -> str:
        return self.url(self.to, webhook_id)
