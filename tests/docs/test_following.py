"""Every program in the documents is run, by somebody who does what they say, against a live server."""

import re
from pathlib import Path

import pytest

from tests.cast import caller, merchant

from .following import FOLDER, Follower, blocks, differs, is_like

FOLLOWED = (
    "authentication", "errors", "fraud", "idempotency", "incentives", "limits", "people", "referrals", "sandbox",
)  # fmt: skip
COMMANDS = ("faults", "performance")
"""Documents whose commands are those of make: ``make test-faults``, ``make bench``."""
RUNNABLE = {"", "sh", "python", "js", "javascript", "php", "go", "http"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_document_works_as_it_stands(live_server, tmp_path, name):
    app = merchant("himal").apps.get(sandbox_of=None).sandbox
    shop = caller(app)
    names = {"INCENTA_URL": live_server.url, "INCENTA_KEY": shop.secret}
    text = (FOLDER / f"{name}.md").read_text()
    if "$READ_KEY" in text:
        names["READ_KEY"] = caller(app, "read").secret
    if "$CODE" in text and "export CODE=" not in text:
        names["CODE"] = shop.code(shop.campaign())
    if "customer_42" in text:
        shop.code(shop.campaign(), "customer_42")
    follower = Follower(tmp_path, names)
    follower.follow(text)
    assert follower.ran


def test_every_document_with_a_program_is_followed_by_somebody():
    """Here, or by a test that names it."""
    tests = "".join(file.read_text() for file in Path(__file__).parents[1].rglob("*.py"))
    lost = []
    for file in sorted(FOLDER.glob("*.md")):
        has = any(language in RUNNABLE for language, _, _ in blocks(file.read_text()))
        if has and file.stem not in (*FOLLOWED, *COMMANDS) and f"{file.stem}.md" not in tests:
            lost.append(file.name)
    assert not lost, f"Follow these in tests/docs/test_following.py, or somewhere else: {lost}"


OURS = re.compile(r"https?://(127\.0\.0\.1|([\w-]+\.)*[\w-]+\.example|([\w-]+\.)*example\.com)\b")


def test_no_document_shows_a_key_or_an_address_of_a_real_installation():
    for file in sorted(FOLDER.glob("*.md")):
        text = file.read_text()
        assert not re.search(r"inc_(?:pub_)?(?:live|test)_[A-Za-z0-9_-]{16}", text), file.name
        programs = "\n".join(content for *_, content in blocks(text))
        for address in re.findall(r"https?://[^\s\"'`)]+", programs):
            assert OURS.match(address), (file.name, address)


# --- the follower himself --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {}),
        ({"a": {}}, {"a": {"b": 1}}),
        ({"a": []}, {"a": [1]}),
        ({"a": True}, {"a": 1}),
        ({"a": "x…"}, {"a": "y"}),
        ([1, 2], [1]),
        ({"a": None}, {"a": 0}),
    ],
)
def test_what_is_shown_wrong_is_found(shown, told):
    assert differs(shown, told)
    assert not differs(told, told)


def test_dots_stand_for_anything():
    assert is_like("camp_…", "camp_01m8") and is_like("…/r/…", "http://x/r/A") and not is_like("a", "ab")


@pytest.mark.parametrize(
    "wrong",
    [
        '```sh\necho \'{"error": "No", "code": "no", "requestId": "r"}\'\n```\n',
        "```sh\nfalse\n```\n",
        "```sh\necho $NOWHERE\n```\n",
        "```sh\necho 1\n```\n\n```text\n2\n```\n",
        "```sh\necho 1\n```\n\n```json\n{}\n```\n```json\n{}\n```\n",
        "```sh\necho '{}'\n```\n\n```sh\nexport CODE=…\n```\n",
        "```cobol\nSTOP RUN.\n```\n",
    ],
)
def test_a_document_that_does_not_work_is_found(tmp_path, wrong):
    with pytest.raises(AssertionError):
        Follower(tmp_path, {}).follow(wrong)
