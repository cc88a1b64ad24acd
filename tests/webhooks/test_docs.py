"""The guide for integrators: every program in it verifies what we really send, every request in it is answered."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from incenta import clock
from incenta.events.catalogue import EVENT_TYPES
from tests.languages import told_by
from webhooks import retries
from webhooks.fanout import LARGEST_BODY
from webhooks.filtering import MOST_CONDITIONS
from webhooks.models import WebhookSecret
from webhooks.models.replay import REACH
from webhooks.replaying import AHEAD

from .conftest import endpoint_of, happen, send_all

GUIDE = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def request_made(shop, receiver):
    """One request as it came, with the secret and the public key of its endpoint."""
    endpoint, secret = endpoint_of(shop, receiver.url())
    key = endpoint.new_key()
    happen(shop, data=EVENT_TYPES["REWARD_CREATED"].example | {"userId": "Zoë \u2028"})
    send_all()
    return receiver.received[0], secret, key


@pytest.mark.parametrize("place", range(len(snippets("python"))))
def test_the_python_verifies(request_made, place):
    request, secret, key = request_made
    names: dict = {}
    exec(snippets("python")[place], names)
    headers = request.headers | {"X-Webhook-Signature": request.headers["x-webhook-signature"]}
    held = key if "Ed25519" in snippets("python")[place] else secret

    assert names["receive"](request.body, headers, held)
    with pytest.raises(Exception, match=r".*") as refusal:
        names["receive"](request.body.replace(b"5", b"6"), headers, held)
    assert refusal.type.__name__ in ("WebhookVerificationError", "ValueError", "InvalidSignature")


@pytest.mark.node
@pytest.mark.parametrize("place", range(len(snippets("js"))))
def test_the_javascript_verifies(request_made, node, place):
    request, secret, _ = request_made
    program = (
        snippets("js")[place]
        + """
const { body, headers, secret } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const told = [body, JSON.stringify(JSON.parse(body)), body.replace('5', '6')].map((one) => {
  try { receive(one, headers, secret); return 'ok' } catch (error) { return error.message }
})
try { receive(body, {}, secret); told.push('ok') } catch (error) { told.push(error.message) }
process.stdout.write(JSON.stringify(told))
"""
    )
    given = json.dumps({"body": request.body.decode(), "headers": request.headers, "secret": secret})
    told = subprocess.run([node, "-e", program], input=given.encode(), capture_output=True, check=True, timeout=60)

    *signed, unsigned = json.loads(told.stdout)
    assert signed == ["ok", "ok", "not from Incenta"] and unsigned in ("not from Incenta", "too old")


GO = """
import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	var given struct { Body string; Headers map[string]string; Secret string }
	input, _ := io.ReadAll(os.Stdin)
	json.Unmarshal(input, &given)
	headers := http.Header{}
	for name, value := range given.Headers { headers.Set(name, value) }
	for _, body := range []string{given.Body, strings.Replace(given.Body, "5", "6", 1)} {
		if event, err := Receive([]byte(body), headers, given.Secret); err == nil { fmt.Println(event["event"]) } else { fmt.Println(err) }
	}
}
"""
PHP = """
$given = json_decode(stream_get_contents(STDIN), true);
foreach ([$given['body'], preg_replace('/5/', '6', $given['body'], 1)] as $body) {
    try { echo receive($body, $given['headers'], $given['secret'])['event'], "\n"; }
    catch (Exception $error) { echo $error->getMessage(), "\n"; }
}
"""


@pytest.mark.parametrize(("language", "calling"), [("go", GO), ("php", PHP)])
def test_other_languages_verify(request_made, tmp_path, language, calling):
    (snippet,) = snippets(language)
    request, secret, _ = request_made
    given = json.dumps({"body": request.body.decode(), "headers": request.headers, "secret": secret})
    told = told_by(language, snippet, calling, given, tmp_path)
    assert told.splitlines() == ["REWARD_CREATED", "not from Incenta"]


def test_every_request_in_it_is_answered(himal):
    names = {"yesterday": clock.iso(timezone.now() - timedelta(days=1))}
    asked = snippets("http")
    for snippet in asked:
        for name, value in names.items():
            snippet = snippet.replace(f"{{{name}}}", value)
        (method, path), body = snippet.splitlines()[0].split(), "".join(snippet.splitlines()[1:])
        answer = himal(method, path.removeprefix("/v1"), json.loads(body) if body else None)
        assert answer.status in (200, 201, 202), (snippet, answer)
        if path == "/v1/webhooks":
            names["webhookId"] = answer["id"]
            assert answer["secret"].startswith("whsec_")
        if "replay" in path and "replayId" not in names:
            names["replayId"] = answer["id"]
    assert len(asked) >= 14


def test_the_numbers_in_it_are_ours():
    waits = [f"{wait} s" if wait < 300 else f"{wait // 60} min" for wait in retries.WAITS_S]
    assert f"{', '.join(waits[:-1])} and {waits[-1]}" in " ".join(GUIDE.split())
    assert f"over {LARGEST_BODY // 1024} KiB" in GUIDE
    assert f"({REACH.days} days back at most)" in GUIDE
    assert f"at most {AHEAD} deliveries" in GUIDE
    assert MOST_CONDITIONS == 10 and "At most ten." in GUIDE
    assert WebhookSecret.Kind.ED25519
