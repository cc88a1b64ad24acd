"""``docs/widgets.md``: its helpers sign what we believe, and what it says of the calls, attributes and events is so."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from incenta.api import browser
from incenta.widgets import tokens
from incenta.widgets.dashboard import look, signing
from tests.languages import told_by
from tests.widgets.test_browsers import ALONE, WITH_TOKEN

pytestmark = pytest.mark.django_db

GUIDE = (Path(settings.BASE_DIR) / "docs" / "widgets.md").read_text()
SCRIPT = (Path(settings.BASE_DIR) / "static" / "widgets.js").read_text()
USERS = ("asha", "Zoë ✓ 4711", 'a"b\\c/</script>')


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_page_and_the_guide_show_the_same_helpers():
    shown = {each["key"]: each["text"] for each in signing.helpers("app_…")}
    names = {"python": "python", "js": "node", "php": "php", "go": "go"}
    assert {names[language]: snippets(language)[0] for language in names} == shown
    assert "app_1" in signing.helpers("app_1")[0]["text"]


def test_the_python_signs(shop):
    names: dict = {}
    exec(snippets("python")[0], names)
    for user in USERS:
        assert tokens.user_of(shop.app, names["user_token"](user, shop.secret, shop.app.pk)) == user


@pytest.mark.node
def test_the_javascript_signs(shop, node):
    program = snippets("js")[0] + (
        "\nconst { users, secret, app } = JSON.parse(require('fs').readFileSync(0, 'utf8'))"
        "\nprocess.stdout.write(JSON.stringify(users.map((user) => userToken(user, secret, app))))"
    )
    given = json.dumps({"users": USERS, "secret": shop.secret, "app": shop.app.pk})
    told = subprocess.run([node, "-e", program], input=given.encode(), capture_output=True, check=True, timeout=60)
    assert [tokens.user_of(shop.app, token) for token in json.loads(told.stdout)] == list(USERS)


GO = """
import (
	"fmt"
	"os"
)

func main() {
	var given struct { Users []string; Secret string; App string }
	json.NewDecoder(os.Stdin).Decode(&given)
	tokens := []string{}
	for _, user := range given.Users {
		token, err := UserToken(user, given.Secret, given.App)
		if err != nil { panic(err) }
		tokens = append(tokens, token)
	}
	told, _ := json.Marshal(tokens)
	fmt.Print(string(told))
}
"""
PHP = """
$given = json_decode(stream_get_contents(STDIN), true);
echo json_encode(array_map(fn ($user) => user_token($user, $given["secret"], $given["app"]), $given["users"]));
"""


@pytest.mark.parametrize(("language", "calling"), [("go", GO), ("php", PHP)])
def test_the_other_languages_sign(shop, tmp_path, language, calling):
    (snippet,) = snippets(language)
    given = json.dumps({"users": USERS, "secret": shop.secret, "app": shop.app.pk})
    told = json.loads(told_by(language, snippet, calling, given, tmp_path))
    assert [tokens.user_of(shop.app, token) for token in told] == list(USERS)


def test_every_call_that_browsers_may_make_is_in_it():
    for call in ALONE | WITH_TOKEN:
        method, route = call.split(" ", 1)
        path = re.sub(r"<(?:\w+:)?(\w+)>", "{}", route).replace(
            "{}", "{userId}" if "user_id" in route else "{listingId}"
        )
        shortened = f"/{path.rpartition('/')[2]}`"
        assert f"{method} /v1/{path}`" in GUIDE or shortened in GUIDE, call


def test_the_limits_in_it_are_ours():
    told = " ".join(GUIDE.split())
    assert f"{browser.READS_PER_MINUTE} reading and {browser.WRITES_PER_MINUTE} writing calls a minute" in told
    assert tokens.LONGEST_LIFE_S == 3600 and "at most an hour ahead" in told


def test_every_element_attribute_and_event_is_in_it():
    attributes = json.loads(re.search(r"observedAttributes = (\[.*?\]);", SCRIPT)[1])
    told = [f"`{name}`" for name in attributes] + [f"`<{name}>`" for name in look.ELEMENTS]
    told += [f"`{name}`" for name, _, _ in look.EVENTS]
    assert not [each for each in told if each not in GUIDE]
    sent = set(re.findall(r'this\.tell\("([\w-]+)"', SCRIPT))
    assert {f"incenta:{name}" for name in sent} == {name for name, _, _ in look.EVENTS}
    assert set(re.findall(r'"((?:referral|marketplace)-[\w-]+)":', SCRIPT)) == set(look.ELEMENTS)
