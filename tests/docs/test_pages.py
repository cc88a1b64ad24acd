"""The documents as pages: for anybody, cached; with the reader's own ids where somebody is signed in."""

import json
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from incenta.api.schema import description
from incenta.docs import finding, library, markdown, own, reference
from tests.dashboard.conftest import sign_in
from tests.dashboard.test_controls import Page, accepts
from tests.everything import one_of_everything
from tests.test_isolation import api_calls

FILES = sorted((Path(settings.BASE_DIR) / "docs").glob("*.md"))


def addresses() -> list[str]:
    """Every page of the documents."""
    guides = [f"/docs/{file.stem}" for file in FILES]
    resources = [f"/docs/reference/{slug}" for slug in reference.resources()]
    return [
        "/docs",
        "/docs/reference",
        "/docs/reference/events",
        "/docs/console",
        "/docs/search?q=x",
        *guides,
        *resources,
    ]


def text(answer) -> str:
    return answer.content.decode()


@cache
def pages() -> dict:
    """Every page as a stranger gets it: without a database, for these tests ask for none."""
    return {address: Client().get(address) for address in addresses()}


def test_anybody_may_read_every_page_and_caches_may_keep_it():
    wrong = []
    for address, answer in pages().items():
        policy = answer["Content-Security-Policy"]
        if answer.status_code != 200 or answer["Cache-Control"] != "public, max-age=300" or "'unsafe" in policy:
            wrong.append((address, answer.status_code, answer["Cache-Control"], policy))
        if "Cookie" not in answer["Vary"]:
            wrong.append(f"{address}: depends on cookies and does not say so")
        if found := re.search(r"\sstyle=|\son[a-z]+=\"|<script(?![^>]*\bsrc=)|<style|zzq\d", text(answer)):
            wrong.append(f"{address}: {found[0]}")
        titles = re.findall(r"<h1[ >]", text(answer))
        if len(titles) != 1:
            wrong.append(f"{address}: {len(titles)} titles")
    assert not wrong, wrong


def test_every_link_and_anchor_of_the_documents_leads_somewhere():
    controls = {address.partition("?")[0]: Page(address, text(answer)) for address, answer in pages().items()}
    lost = [f"{address}: {told}" for address, page in controls.items() for told in page.wrong]
    for address, answer in pages().items():
        for path, anchor in re.findall(r'href="(/docs[^"#?]*)(?:#([^"]+))?"', text(answer)):
            is_file = path.endswith(".md") or path == "/docs/search"
            if not is_file and (path not in controls or (anchor and anchor not in controls[path].ids)):
                lost.append(f"{address}: {path}#{anchor}")
    lost += [
        f"{address}: {method} {path}"
        for address, page in controls.items()
        for method, path in page.places
        if not accepts(method, path)
    ]
    assert not lost, lost


def test_ids_on_a_page_are_there_once():
    for address, answer in pages().items():
        ids = re.findall(r'\sid="([^"]+)"', text(answer))
        assert len(ids) == len(set(ids)), (address, sorted({one for one in ids if ids.count(one) > 1}))


def test_links_between_files_lead_somewhere_on_a_forge_too():
    lost = []
    for file in [*FILES, Path(settings.BASE_DIR) / "README.md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text()):
            path = target.partition("#")[0]
            if path and "://" not in path and not (file.parent / path).exists():
                lost.append(f"{file.name}: {target}")
    assert not lost, lost


def test_what_is_not_there_is_a_404(client):
    for address in ("/docs/nothing", "/docs/reference/nothing", "/docs/nothing.md", "/docs/images/nothing.png"):
        assert client.get(address).status_code == 404, address
    assert client.get("/docs/").url == "/docs"
    assert client.post("/docs").status_code == 405


def test_a_page_is_also_there_as_it_was_written(client):
    answer = client.get("/docs/webhooks.md")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert text(answer) == (Path(settings.BASE_DIR) / "docs/webhooks.md").read_text()
    picture = client.get("/docs/images/webhook.png")
    assert picture["Content-Type"] == "image/png"
    assert b"".join(picture.streaming_content)[:4] == b"\x89PNG"


def test_models_find_every_document(client):
    told = text(client.get("/llms.txt"))
    assert told.startswith("# Incenta\n\n> ")
    links = re.findall(r"\]\(http://testserver([^)]+)\)", told)
    assert {f"/docs/{file.stem}.md" for file in FILES} <= set(links)
    assert all(client.get(link).status_code == 200 for link in links)
    assert "`POST /v1/conversions`" in told


@pytest.mark.django_db
def test_whoever_is_signed_in_reads_his_own_ids(himal, rival):
    campaign = himal.campaign()
    code = himal.code(campaign)
    himal.campaign(name="Later", status="DRAFT")
    rival.campaign()
    owner = sign_in(himal.app.merchant)

    assert owner.get(f"/dashboard/{himal.app.pk}/docs/").url == "/docs"
    answer = owner.get("/docs/reference/referrals")
    page = text(answer)
    assert f'<mark class="i-own">{campaign}</mark>' in page
    assert f'<mark class="i-own">{code}</mark>' in page
    assert "no-store" in answer["Cache-Control"]
    assert himal.secret not in page

    # what he makes on the way keeps its name, for the one from before would be another
    quickstart = text(owner.get("/docs/quickstart"))
    assert f'<mark class="i-own">{campaign}</mark>' in quickstart and code not in quickstart

    # in the sandbox nothing is there yet: the example stays an example
    other = text(owner.get(f"/docs/reference/referrals?app={himal.app.sandbox.pk}"))
    assert campaign not in other
    assert campaign not in text(owner.get("/docs/reference/referrals"))
    # another's app is not taken
    assert campaign in text(owner.get(f"/docs/reference/referrals?app={himal.app.pk}"))
    assert campaign in text(owner.get(f"/docs/reference/referrals?app={rival.app.pk}"))
    assert campaign not in text(Client().get("/docs/reference/referrals"))


def test_programs_of_each_language_are_filled():
    for language, program, filled in (
        ("sh", """-d '{"campaignId": "'$CAMPAIGN'"}'""", """-d '{"campaignId": "camp_1"}'"""),
        ("sh", 'curl "$INCENTA_URL/v1/campaigns/$CAMPAIGN"', 'curl "$INCENTA_URL/v1/campaigns/camp_1"'),
        ("sh", "export CAMPAIGN=camp_…", "export CAMPAIGN=camp_1"),
        ("python", 'os.environ["CAMPAIGN"]', '"camp_1"'),
        ("js", "process.env.CAMPAIGN", '"camp_1"'),
        ("php", 'getenv("CAMPAIGN")', '"camp_1"'),
        ("go", 'os.Getenv("CAMPAIGN")', '"camp_1"'),
        ("http", "GET /v1/campaigns/{campaignId}", "GET /v1/campaigns/camp_1"),
    ):
        blanks = own.Blanks()
        html = markdown.coloured(markdown.with_blanks(program, language, blanks), language)
        for values, expected in (({}, program), ({"CAMPAIGN": "camp_1"}, filled)):
            told = re.sub(r"<[^>]+>", "", blanks.fill(html, values))
            assert told.replace("&quot;", '"').replace("&#x27;", "'").replace("&#39;", "'") == expected, language


@pytest.mark.django_db
def test_every_own_id_is_found_in_one_statement(himal, rival, django_assert_num_queries):
    names = one_of_everything(himal, "himal")
    one_of_everything(rival, "rival")
    for name, made in own.known().items():
        with django_assert_num_queries(1):
            value = made.find(himal.app)
        assert value, f"Nothing is found for {name}."
        assert value in names.values() or name in ("CAMPAIGN", "CODE", "CONVERSION", "REWARD"), (name, value)
    owner = sign_in(himal.app.merchant)
    for address in ("/docs", "/docs/quickstart", "/docs/reference", "/docs/reference/actions", "/docs/console"):
        answer = owner.get(f"{address}?app={himal.app.pk}")
        assert answer.status_code == 200, address
        assert "no-store" in answer["Cache-Control"], address


@pytest.mark.django_db
def test_a_value_that_would_break_a_program_is_not_filled_in(himal):
    class Odd:
        name, fields = "CAMPAIGN", ("campaignId",)

        @staticmethod
        def find(app):
            return "x'; rm -rf /"

    kept = own._told.copy()
    try:
        own.fill_with("referrals", own.Own(Odd.name, Odd.fields, Odd.find))
        assert own.Reader(himal.app).values({"CAMPAIGN"}) == {}
    finally:
        own._told.update(kept)


# --- the reference ---------------------------------------------------------------------------------------------------
def test_every_operation_is_in_the_reference_once(client):
    described = json.loads(description())
    wanted = [one["operationId"] for methods in described["paths"].values() for one in methods.values()]
    shown = [one.mark for resource in reference.resources().values() for one in resource.operations]
    assert sorted(wanted) == sorted(shown)
    assert all(one in text(client.get("/docs/reference/events")) for one in described["webhooks"])
    placed = {slug for slug, _, _ in reference.PLACES}
    assert set(reference.resources()) <= placed, "Say in incenta/docs/reference.py where these belong."


def test_every_call_of_the_reference_is_a_call_of_ours():
    known = {(method, re.sub(r"<[^>]+>", "{}", route.route)) for _, method, route in api_calls()}
    assert known
    for resource in reference.resources().values():
        for operation in resource.operations:
            shown = re.search(rf'<code id="call-{operation.mark}">(.*?)</code>', operation.call, re.DOTALL)[1]
            shown = re.sub(r"<[^>]+>", "", resource.blanks.fill(shown, {}))
            command = shlex.split(
                shown.replace("&quot;", '"').replace("&#x27;", "'").replace("&#39;", "'").replace("&amp;", "&")
            )
            assert command[0] == "curl"
            assert any(part.startswith("$INCENTA_URL/v1/") for part in command), command
            if "-d" in command:
                json.loads(command[command.index("-d") + 1])


# --- finding ---------------------------------------------------------------------------------------------------------
def test_the_box_finds_documents_operations_and_events(client):
    page = text(client.get("/docs/search?q=verifying"))
    assert "/docs/webhooks#verifying" in page
    box = client.get("/docs/search", {"q": "post conversions"}, headers={"HX-Request": "true"})
    assert 'role="option"' in text(box) and "<html" not in text(box)
    assert "/docs/reference/conversions#recordConversion" in text(box)
    assert "/docs/reference/events#REWARD_CREATED" in text(client.get("/docs/search?q=reward_created"))
    assert "Nothing found" in text(client.get("/docs/search?q=zzzz"))
    assert "&lt;b&gt;" in text(client.get("/docs/search", {"q": "<b>"}))


@pytest.mark.django_db
def test_the_box_of_an_app_finds_them_too(himal):
    owner = sign_in(himal.app.merchant)
    page = text(owner.get(f"/dashboard/{himal.app.pk}/search/", {"q": "verifying"}))
    assert "/docs/webhooks#verifying" in page


def test_the_contents_hold_every_file():
    shown = [entry.slug for _, entries in library.contents() for entry in entries]
    assert sorted(shown) == sorted(file.stem for file in FILES)
    assert len(finding.places()) > len(shown)
