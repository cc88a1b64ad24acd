"""Markdown to HTML: anchors as a forge makes them, code with a copy button, tables that scroll by themselves.

The files in ``docs/`` are ours, and read the same on a forge: links between them are relative, and become pages here.
"""

import re
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.html import escape
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer

from incenta.dashboard.templatetags.icons import icon

from .own import Blanks, known

LANGUAGES = {
    "sh": ("Shell", "bash"),
    "python": ("Python", "python"),
    "js": ("JavaScript", "javascript"),
    "javascript": ("JavaScript", "javascript"),
    "php": ("PHP", "php"),
    "go": ("Go", "go"),
    "json": ("JSON", "json"),
    "html": ("HTML", "html"),
    "console": ("Console", "console"),
    "http": ("HTTP", "text"),
    "text": ("Text", "text"),
    "css": ("CSS", "css"),
    "promql": ("PromQL", "text"),
    "yaml": ("YAML", "yaml"),
    "ini": ("Configuration", "ini"),
    "nginx": ("nginx", "nginx"),
    "sql": ("SQL", "postgresql"),
    "": ("Shell", "bash"),
}
"""Word behind a fence → what to call it, and which lexer colours it."""
HERE = "http://127.0.0.1:8000"
"""How the files call the installation; the pages call it by its own address."""
_COLOURS = HtmlFormatter(nowrap=True, classprefix="h-")


class Heading(NamedTuple):
    level: int
    text: str
    slug: str


@dataclass
class Text:
    """One document as markup. ``headings`` leaves out the title."""

    title: str = ""
    lead: str = ""
    html: str = ""
    headings: list[Heading] = field(default_factory=list)
    blanks: Blanks = field(default_factory=Blanks)


def slug_of(text: str, taken: set[str]) -> str:
    """The anchor that a forge gives a heading: small letters, hyphens for blanks, a number where it is taken."""
    wanted = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    slug, count = wanted, 0
    while slug in taken:
        count += 1
        slug = f"{wanted}-{count}"
    taken.add(slug)
    return slug


def plain(inline: Token) -> str:
    """The words of a line without its markup."""
    return "".join(
        " " if each.type == "softbreak" else each.content
        for each in inline.children or ()
        if each.type in ("text", "code_inline", "softbreak")
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    for name, rule in {"fence": _fence, "table_open": _table_open, "table_close": _table_close}.items():
        parser.add_render_rule(name, rule)
    return parser


def outline(source: str) -> Text:
    """Title, first paragraph and headings; cheap, without markup."""
    return _outlined(_parser().parse(source))


def _outlined(tokens: Sequence[Token]) -> Text:
    text, taken = Text(), set[str]()
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            told = plain(tokens[place + 1])
            slug = slug_of(told, taken)
            token.attrSet("id", slug)
            if token.tag == "h1":
                text.title = text.title or told
            else:
                text.headings.append(Heading(int(token.tag[1]), told, slug))
        elif token.type == "paragraph_open" and not text.lead and tokens[place + 1].content[:1] not in ("!", ""):
            text.lead = plain(tokens[place + 1])
    return text


def render(source: str, folder: Path) -> Text:
    """The whole document. ``folder`` is where it lies: what its links and pictures are relative to."""
    parser = _parser()
    tokens = parser.parse(source)
    text = _outlined(tokens)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            _link_to_itself(token, tokens[place + 1])
        elif side := str(token.attrs.pop("style", "")):  # of a column; the pages' policy knows no inline style
            token.attrSet("class", f"i-{side.rpartition(':')[2]}")
        if token.type == "th_open" and not tokens[place + 1].content:
            token.tag = tokens[place + 2].tag = "td"  # a corner that heads nothing
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("href", page_of(str(inner.attrGet("href"))))
            elif inner.type == "image":
                _measure(inner, folder)
    made = set(re.findall(r"^export (\w+)=", source, re.MULTILINE))
    env: EnvType = {"text": text, "section": text.title, "count": 0, "made": made}
    for token in tokens:
        token.meta["section"] = env["section"]
        if token.type == "inline" and token.meta.get("heading"):
            env["section"] = token.meta["heading"]
    text.html = parser.renderer.render(tokens, parser.options, env)
    return text


_LINES = MarkdownIt("commonmark", {"html": False})


def line(source: str) -> SafeString:
    """One line of Markdown, such as a summary of the API's description, as markup without a paragraph."""
    return SafeString(_LINES.renderInline(source))


def page_of(href: str) -> str:
    """Where a link of a file leads on our pages: ``webhooks.md#verifying`` → ``/docs/webhooks#verifying``."""
    path, mark, anchor = href.partition("#")
    if not path or "://" in path or path.startswith(("/", "mailto:")):
        return href
    if path.startswith(".."):
        return href
    is_document = path.endswith(".md") and "/" not in path
    return f"/docs/{path.removesuffix('.md') if is_document else path}{mark}{anchor}"


def _link_to_itself(heading: Token, inline: Token) -> None:
    """The words of a heading are a link to it, so that whoever reads can pass it on."""
    if heading.tag == "h1" or any(each.type == "link_open" for each in inline.children or ()):
        return
    opened, closed = Token("link_open", "a", 1), Token("link_close", "a", -1)
    opened.attrs = {"class": "i-docs-anchor", "href": f"#{heading.attrGet('id')}"}
    inline.meta["heading"] = plain(inline)
    inline.children = [opened, *(inline.children or ()), closed]


def _measure(image: Token, folder: Path) -> None:
    """Says how large a picture is before it has come, so that nothing jumps."""
    source = str(image.attrGet("src"))
    image.attrSet("src", page_of(source))
    image.attrSet("loading", "lazy")
    file = folder / source
    if file.suffix == ".png" and file.is_file():
        with file.open("rb") as opened:
            width, height = struct.unpack(">II", opened.read(24)[16:24])
        image.attrSet("width", str(width))
        image.attrSet("height", str(height))


# --- code ------------------------------------------------------------------------------------------------------------
def _fence(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    token, text = tokens[place], env["text"]
    language = token.info.strip().split(" ")[0]
    env["count"] += 1
    label, _ = LANGUAGES.get(language, (language, "text"))
    return figure(
        with_blanks(token.content.rstrip("\n"), language, text.blanks, env["made"]),
        language,
        label=label,
        told=f"{token.meta['section']}, {label} {env['count']}",
        mark=f"code-{env['count']}",
    )


def figure(code: str, language: str, *, label: str, told: str, mark: str) -> SafeString:
    """Code in its frame, with a button that copies it. ``told`` is what to call it aloud, ``mark`` its id on the page."""
    return SafeString(
        f'<figure class="i-snippet i-code"><figcaption>{escape(label)}'
        f'<button type="button" class="btn" data-variant="ghost" data-size="sm" data-copy-from="{mark}">{icon("copy", size=14)} Copy'
        f'<span class="sr-only"> {escape(told)}</span></button></figcaption>'
        f'<pre tabindex="0" role="group" aria-label="{escape(told)}"><code id="{mark}">{coloured(code, language)}</code></pre></figure>\n'
    )


def coloured(code: str, language: str) -> str:
    """Code as markup with classes for its parts."""
    name = LANGUAGES.get(language, ("", "text"))[1]
    options = {"startinline": not code.startswith("<?php")} if name == "php" else {}
    lexer = TextLexer() if name == "text" else get_lexer_by_name(name, **options)
    return highlight(code, lexer, _COLOURS).rstrip("\n")


_WAYS = {
    "sh": r"'\$(?P<quoted>{names})'|\$(?P<bare>{names})\b|(?<=export )(?P<set>{names})=\S*…\S*",
    "python": r'os\.environ\["(?P<text>{names})"\]',
    "js": r"process\.env\.(?P<text>{names})\b",
    "php": r'getenv\("(?P<text>{names})"\)',
    "go": r'os\.Getenv\("(?P<text>{names})"\)',
    "http": r"\{{(?P<field>{fields})\}}",
}
"""How a program of each language names something that is the reader's own."""


def with_blanks(code: str, language: str, blanks: Blanks, made: Collection[str] = ()) -> str:
    """Code with blanks where something of the reader's own can stand; ``made``: what the reader makes on the way."""
    code = code.replace(HERE, settings.BASE_URL)
    owns = {name: own for name, own in known().items() if own.steady or name not in made}
    language = {"": "sh", "javascript": "js"}.get(language, language)
    if not owns or language not in _WAYS:
        return code
    fields = {field: own.name for own in owns.values() for field in own.fields if "/" not in field}
    pattern = _WAYS[language].format(names="|".join(sorted(owns)), fields="|".join(sorted(fields)))

    def blank(found: re.Match) -> str:
        kind = str(found.lastgroup)
        if kind == "field":
            return blanks.put(fields[found["field"]], found[0])
        if kind == "set":
            return f"{found['set']}=" + blanks.put(found["set"], found[0].partition("=")[2])
        return blanks.put(found[kind], found[0], '"{}"' if kind == "text" else "{}")

    return re.sub(pattern, blank, code)


# --- tables ----------------------------------------------------------------------------------------------------------
def _table_open(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    env["count"] += 1
    told = escape(f"{tokens[place].meta['section']}, table {env['count']}")
    return f'<div class="i-docs-table" tabindex="0" role="group" aria-label="{told}"><table>\n'


def _table_close(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>\n"
