"""What a file is, by its bytes: neither its name nor what the browser says of it is believed. Pure.

Eight kinds by their beginnings are a page of code; the libraries that know a thousand guess by name where they do not know, and what
they answer changes with their version. What is kept is only ever handed out as a download, never shown.
"""

import email.errors
import email.parser
import email.policy
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class Kind:
    """``endings``: what a name of this kind may end in; the first is given to a name that ends otherwise."""

    label: str
    content_type: str
    endings: tuple[str, ...]


PDF = Kind("PDF", "application/pdf", (".pdf",))
PNG = Kind("PNG", "image/png", (".png",))
JPEG = Kind("JPEG", "image/jpeg", (".jpg", ".jpeg", ".jfif"))
WEBP = Kind("WebP", "image/webp", (".webp",))
GIF = Kind("GIF", "image/gif", (".gif",))
TEXT = Kind("text", "text/plain", (".txt", ".log", ".md"))
CSV = Kind("CSV", "text/csv", (".csv",))
EMAIL = Kind("e-mail", "message/rfc822", (".eml",))
KINDS = (PDF, PNG, JPEG, WEBP, GIF, TEXT, CSV, EMAIL)

_BEGINNINGS: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"%PDF-\d"), PDF),
    (re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR", re.DOTALL), PNG),
    (re.compile(rb"\xff\xd8\xff"), JPEG),
    (re.compile(rb"RIFF.{4}WEBPVP8[ LX]", re.DOTALL), WEBP),
    (re.compile(rb"GIF8[79]a"), GIF),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP = re.compile(
    r"<(?:!doctype|!--|\?xml|\?php|html|head|body|script|style|svg|iframe|meta|title)\b|<!--|\{\\rtf", re.IGNORECASE
)
"""Text that a program would run or draw: it is no plain text, and an e-mail's body may hold it."""
_FIELD = re.compile(rb"(?:From [^\r\n]+\r?\n)?[A-Za-z][A-Za-z0-9-]*[ \t]*:")
_ACCENT = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(f"({_ACCENT}{{2}}){_ACCENT}+")
"""More accents upon one letter than any language has: they are drawn over the lines above and below."""
_SENT_BY, _SENT = "from", ("date", "message-id", "received")
_HEAD = 64 * 1024


def kind_of(content: bytes, name: str) -> Kind | None:
    """What it is; ``None`` for what is none of ``KINDS``. The name only tells text, CSV and e-mail apart, which may be all three."""
    for beginning, kind in _BEGINNINGS:
        if beginning.match(content):
            return kind
    ending = PurePosixPath(name).suffix.lower()
    is_email, is_text = _is_email(content), _is_text(content)
    if is_email and (not is_text or ending not in (*TEXT.endings, *CSV.endings)):
        return EMAIL
    if not is_text:
        return None
    return CSV if ending in CSV.endings else TEXT


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and not _CONTROLS.search(text) and not _MARKUP.match(text.lstrip())


def _is_email(content: bytes) -> bool:
    """Whether it begins with the fields of a message that was sent. Its body may be in any encoding, but holds no null byte."""
    if b"\x00" in content or not _FIELD.match(content):
        return False
    try:
        head = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(content[:_HEAD])
    except (ValueError, email.errors.MessageError):
        return False
    return _SENT_BY in head and any(name in head for name in _SENT)


def named(name: str, kind: Kind) -> str:
    """The last part of a path, as one line that can be shown and written to any disk, with an ending of its kind: ``run.exe`` that is
    a PDF is told as ``run.exe.pdf``."""
    shown = _STACKED.sub(r"\1", unicodedata.normalize("NFC", name)).replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter if letter.isprintable() else " " for letter in shown)
    shown = " ".join(re.sub(r'[<>:"|?*]', "_", shown).split()).strip(" .") or "file"
    stem, dot, ending = shown.rpartition(".")
    if not dot or not stem or f".{ending.lower()}" not in kind.endings:
        stem, ending = shown, kind.endings[0].lstrip(".")
    return f"{stem[: LONGEST_NAME - len(ending) - 1].rstrip(' .')}.{ending}"


def in_words(size: int) -> str:
    """``3 KB``, ``1.2 MB``: of so many bytes, never none."""
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024)):,} KB"
    return f"{size / 1024 / 1024:.1f} MB"
