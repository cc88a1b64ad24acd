"""``/docs``: guides, the reference, the console, and what machines read. Public, and cached where nobody is signed in."""

import json
import mimetypes

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers, patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from incenta.dashboard.pages import AppPage

from . import finding, library, reference
from .own import Blanks, Reader, by_field, reader_of

FRESH_S = 300
"""How long a cache may show a page to strangers."""
LONGEST = 255


def shown(request: HttpRequest, template: str, context: dict, reader: Reader | None) -> HttpResponse:
    """A page with the contents beside it; the same for everybody who is not signed in, but for the theme in a cookie."""
    context |= {
        "reader": reader,
        "contents": library.contents(),
        "resources": reference.resources().values(),
        "here": request.path,
    }
    response = render(request, template, context)
    if reader or request.user.is_authenticated:
        add_never_cache_headers(response)
    else:
        patch_cache_control(response, public=True, max_age=FRESH_S)
        patch_vary_headers(response, ["Cookie"])
    return response


def filled(reader: Reader | None, html: str, blanks: Blanks) -> tuple[str, dict[str, str]]:
    """The markup with the reader's ids, and which they are."""
    values = reader.values(blanks.names()) if reader else {}
    return blanks.fill(html, values), values


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """``GET /docs``: what there is to read."""
    return shown(request, "docs/index.html", {}, reader_of(request))


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """``GET /docs/{slug}``: one document."""
    text = library.document(slug)
    if text is None:
        raise Http404("document_not_found")
    reader = reader_of(request)
    html, values = filled(reader, text.html, text.blanks)
    context = {"text": text, "slug": slug, "html": html, "values": values}
    return shown(request, "docs/page.html", context, reader)


@require_safe
def markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """``GET /docs/{slug}.md``: the same as it was written, for machines."""
    source = library.source(slug)
    if source is None:
        raise Http404("document_not_found")
    return _text(source, "text/markdown; charset=utf-8")


@require_safe
def attachment(request: HttpRequest, folder: str, name: str) -> HttpResponseBase:
    """``GET /docs/{folder}/{name}``: a picture, or a file to take along, shown as text."""
    file = library.attachment(folder, name)
    if file is None:
        raise Http404("file_not_found")
    kind = mimetypes.guess_type(name)[0] or ""
    kind = kind if kind.startswith("image/") else "text/plain; charset=utf-8"
    response = FileResponse(file.open("rb"), content_type=kind)
    patch_cache_control(response, public=True, max_age=FRESH_S)
    return response


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """``GET /docs/reference``: every operation in a line."""
    return shown(request, "docs/reference.html", {}, reader_of(request))


@require_safe
def resource(request: HttpRequest, slug: str) -> HttpResponse:
    """``GET /docs/reference/{resource}``"""
    found = reference.resources().get(slug)
    if found is None:
        raise Http404("resource_not_found")
    reader = reader_of(request)
    html, values = filled(reader, found.html, found.blanks)
    return shown(request, "docs/resource.html", {"resource": found, "html": html, "values": values}, reader)


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """``GET /docs/reference/events``: what webhooks send."""
    return shown(request, "docs/events.html", {"events": reference.events()}, reader_of(request))


@require_safe
def console(request: HttpRequest) -> HttpResponse:
    """``GET /docs/console``: Swagger UI, which needs nothing that the pages' policy forbids. Its examples name the sandbox's ids."""
    reader = reader_of(request)
    fields = by_field()
    values = Reader(reader.sandbox).values(fields.values()) if reader else {}
    own = {field: values.get(name) for field, name in fields.items() if "/" not in field}
    return shown(request, "docs/console.html", {"own": json.dumps(own)}, reader)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """``GET /docs/search?q=``: options for the box, and a page where there is no script."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    is_box = bool(request.htmx and not request.htmx.history_restore_request)
    context = {"q": text, "groups": finding.found(text), "is_box": is_box}
    if is_box:
        response = render(request, "docs/search.html#results", context)
    else:
        response = shown(request, "docs/search.html", context, reader_of(request))
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
def for_models(request: HttpRequest) -> HttpResponse:
    """``GET /llms.txt``: the documents for a language model, by the convention of llmstxt.org."""
    base = settings.BASE_URL
    lines = [
        "# Incenta",
        "",
        "> Referral programmes, incentives (XP, coins, badges, leaderboards) and a marketplace behind one JSON API: codes, clicks,",
        "> conversions and rewards, each counted once and right to the smallest coin; signed webhooks; a sandbox with a clock.",
        "",
        "Calls go to `/v1/…` with the header `x-api-key`. Every document below is Markdown.",
    ]
    for label, entries in library.contents():
        lines += ["", f"## {label}", ""]
        lines += [f"- [{each.title}]({base}{each.url}.md): {first_sentence(each.lead)}" for each in entries]
    lines += ["", "## Reference", "", f"- [OpenAPI 3.1 description]({base}{reverse('openapi')}): every route, in JSON"]
    for each in reference.resources().values():
        calls = ", ".join(f"`{one.method} {one.path}`" for one in each.operations)
        lines.append(f"- [{each.title}]({base}{each.url}): {calls}")
    lines.append(
        f"- [Webhook events]({base}{reverse('docs_events')}): what endpoints are sent, with fields and examples"
    )
    return _text("\n".join(lines) + "\n", "text/plain; charset=utf-8")


def first_sentence(text: str) -> str:
    """The first sentence of a paragraph."""
    head, mark, _ = text.partition(". ")
    return head + mark.strip()


def _text(text: str, kind: str) -> HttpResponse:
    response = HttpResponse(text, content_type=kind)
    patch_cache_control(response, public=True, max_age=FRESH_S)
    return response


class OpenDocs(AppPage):
    """``/dashboard/{app}/docs/``: to the documents, whose examples then have this app's ids."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("docs")
