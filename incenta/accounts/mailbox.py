"""In development mails go nowhere: they are kept as files, and a page shows them."""

import email
import email.policy
import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from incenta.ids import new_id

logger = logging.getLogger("incenta.accounts")

KEPT = 100
BACKEND = "incenta.accounts.mailbox.EmailBackend"


def folder() -> Path:
    return settings.DATA_DIR / "mailbox"


class EmailBackend(BaseEmailBackend):
    """Keeps the newest ``KEPT`` messages under ``DATA_DIR/mailbox``, one file each, named in the order of their sending."""

    def send_messages(self, messages: list[EmailMessage]) -> int:
        folder().mkdir(parents=True, exist_ok=True)
        for message in messages:
            name = new_id("msg").removeprefix("msg_")
            unfinished = folder() / f"{name}.part"
            unfinished.write_bytes(message.message().as_bytes())
            unfinished.rename(folder() / f"{name}.eml")
            logger.info("A mail to %s: %s", ", ".join(message.to), message.subject)
        for old in _files()[KEPT:]:
            old.unlink(missing_ok=True)
        return len(messages)


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    sender: str
    subject: str
    date: str
    text: str


def newest(count: int) -> list[Mail]:
    """The last messages, newest first, with the text of each."""
    found = []
    for file in _files()[:count]:
        try:
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        except FileNotFoundError:  # another process has tidied up
            continue
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        found.append(
            Mail(str(message["To"]), str(message["From"]), str(message["Subject"]), str(message["Date"]), text)
        )
    return found


def _files() -> list[Path]:
    return sorted(folder().glob("*.eml"), reverse=True)
