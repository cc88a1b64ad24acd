"""The tab that says why a signature does not verify."""

from django import forms
from django.http import HttpRequest, HttpResponse

from .. import checking
from ..models import WebhookDelivery
from .endpoint_pages import OfEndpoint

MOST_HEADERS = 100


class SignatureForm(forms.Form):
    body = forms.CharField(
        label="Body",
        required=False,
        strip=False,
        max_length=checking.LARGEST_BODY,
        help_text="As your program has it at the moment at which it verifies.",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        max_length=20_000,
        help_text="One a line, as <code>webhook-signature: v1,…</code>. X-Webhook-Signature alone is enough.",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )

    def clean_body(self) -> str:
        # a browser sends a text area's line ends as CR LF, whatever was pasted
        return self.cleaned_data["body"].replace("\r\n", "\n")

    def clean_headers(self) -> dict[str, str]:
        lines = [line for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        if wrong := next((line for line in lines if ":" not in line), None):
            raise forms.ValidationError(
                f"“{wrong.strip()[:60]}” is not a header: write its name, a colon and its value."
            )
        return {
            name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[:MOST_HEADERS])
        }


class CheckSignature(OfEndpoint):
    """``?delivery=dlv_…`` fills in what was sent then, to begin with. Nothing is stored, and nothing secret is shown."""

    tab = "check"
    template_name = "webhooks/signatures.html"

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        return self.show({"form": SignatureForm(initial=self.sent(request.GET.get("delivery", "")))})

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        form = SignatureForm(request.POST)
        if not form.is_valid():
            return self.show({"form": form}, status=422)
        told = form.cleaned_data
        verdict, each = self.endpoint.check_signature(told["body"], told["headers"])
        return self.show({"form": form, "verdict": verdict, "each": each})

    def sent(self, delivery_id: str) -> dict:
        """Body and headers of the latest try of one of the endpoint's deliveries."""
        deliveries = WebhookDelivery.objects.filter(app=self.request.app, endpoint=self.endpoint)
        delivery = deliveries.select_related("message").filter(pk=delivery_id).first() if delivery_id else None
        attempt = delivery.attempts.order_by("-n").first() if delivery else None
        if delivery is None or attempt is None:
            return {}
        lines = [f"{name}: {value}" for name, value in attempt.request_headers.items() if "webhook-" in name.lower()]
        return {"body": delivery.body().decode(), "headers": "\n".join(lines)}
