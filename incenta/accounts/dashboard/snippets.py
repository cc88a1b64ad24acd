"""A first call in four languages, filled with the reader's own ids. The key is always a variable of the environment."""

from django.conf import settings

_CURL = """\
curl -X POST {url}/v1/referrals \\
  -H "x-api-key: $INCENTA_KEY" \\
  -H "Content-Type: application/json" \\
  -H "Idempotency-Key: $(uuidgen)" \\
  -d '{{"campaignId": "{campaign}", "referrerId": "customer_42"}}'"""

_PYTHON = """\
import os, uuid
import requests

answer = requests.post(
    "{url}/v1/referrals",
    headers={{"x-api-key": os.environ["INCENTA_KEY"], "Idempotency-Key": str(uuid.uuid4())}},
    json={{"campaignId": "{campaign}", "referrerId": "customer_42"}},
    timeout=10,
)
answer.raise_for_status()
print(answer.json()["referralCode"])"""

_NODE = """\
const answer = await fetch("{url}/v1/referrals", {{
  method: "POST",
  headers: {{
    "x-api-key": process.env.INCENTA_KEY,
    "Content-Type": "application/json",
    "Idempotency-Key": crypto.randomUUID(),
  }},
  body: JSON.stringify({{ campaignId: "{campaign}", referrerId: "customer_42" }}),
}});
if (!answer.ok) throw new Error(await answer.text());
console.log((await answer.json()).referralCode);"""

_PHP = """\
<?php
$call = curl_init("{url}/v1/referrals");
curl_setopt_array($call, [
    CURLOPT_POST => true,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => [
        "x-api-key: " . getenv("INCENTA_KEY"),
        "Content-Type: application/json",
        "Idempotency-Key: " . bin2hex(random_bytes(16)),
    ],
    CURLOPT_POSTFIELDS => json_encode(["campaignId" => "{campaign}", "referrerId" => "customer_42"]),
]);
echo json_decode(curl_exec($call))->referralCode;"""

LANGUAGES = (("curl", "curl", _CURL), ("python", "Python", _PYTHON), ("node", "Node", _NODE), ("php", "PHP", _PHP))


def snippets(campaign_id: str) -> list[dict]:
    """``[{"key", "label", "text"}]``: how to ask for a referral code of that campaign."""
    return [
        {"key": key, "label": label, "text": text.format(url=settings.BASE_URL, campaign=campaign_id)}
        for key, label, text in LANGUAGES
    ]
