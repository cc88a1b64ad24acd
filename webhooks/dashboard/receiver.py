"""The sandbox's own test receiver: what it was sent lately, how it answers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.dashboard.pages import Action, AppPage
from incenta.errors import Conflict

from .. import receiver_address, receiving
from ..models import HookReceiver
from .deliveries import pretty
from .endpoint_pages import is_fragment, unchanged

VERDICTS = {
    "verified": ("active", "Verified"),
    "wrong": ("rejected", "Does not verify"),
    "unsigned": ("off", "Not signed"),
}


class Receiver(AppPage):
    """It belongs to the sandbox: from the live app one is led there."""

    permission = "webhooks.manage"
    section = "webhooks"
    template_name = "webhooks/receiver.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        app = request.app
        if not app.is_sandbox:
            return redirect("dashboard:webhook_receiver", app.sandbox.pk)
        received = list(app.received_hooks.select_related("endpoint").order_by("-pk")[: receiving.KEPT])
        for each in received:
            each.text = bytes(each.body).decode("utf-8", "replace")
            each.pretty = pretty(each.text)
            each.is_cut = each.size > len(each.body)
            each.verdict_value, each.verdict_label = VERDICTS[each.verdict]
        receiver = HookReceiver.objects.filter(app=app).first()
        context = {
            "received": received,
            "receiver_url": receiver_address.url_of(app.pk),
            "endpoints": receiving.endpoints_of(app),
            "answers": receiver.answers if receiver else 200,
            "choices": receiving.ANSWERS.items(),
            "kept": receiving.KEPT,
            "mark": str(received[0].pk) if received else "none",
        }
        template = "webhooks/receiver.html#received" if is_fragment(request) else ""
        return unchanged(request, context["mark"]) or self.page(context, template=template)


class ReceiverAction(Action):
    permission = "webhooks.manage"
    section = "webhooks"

    def back(self) -> str:
        return self.url("webhook_receiver")

    def must_be_sandbox(self) -> None:
        if not self.request.app.is_sandbox:
            raise Conflict("sandbox_only", "The test receiver belongs to the sandbox.")


class AnswerWith(ReceiverAction):
    """What the receiver answers from now on, so that failures and retries can be watched."""

    def act(self) -> str:
        self.must_be_sandbox()
        told = self.request.POST.get("status", "")
        if told not in {str(status) for status in receiving.ANSWERS}:
            raise Conflict("unknown_answer", "Choose one of the answers.")
        receiving.answer_with(self.request.app, int(told))
        return f"The test receiver answers {told} from now on."


class ForgetReceived(ReceiverAction):
    def act(self) -> str:
        self.must_be_sandbox()
        receiving.forget(self.request.app)
        return "The list is empty."
