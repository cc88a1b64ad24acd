"""What second factors are computed from (the secret of an authenticator app, the seed of recovery codes) is encrypted at rest."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.db import transaction

from incenta.encryption import decrypt, encrypt, renewed

NAMES = ("secret", "seed")
"""Keys of ``Authenticator.data`` that hold such a text."""
_FERNET = "gAAAA"
"""How every encrypted text begins. Neither base32 nor hexadecimal digits, which the texts themselves consist of, can begin so."""


class MFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Secrets of installations before 2026-11-23 lie as they are until ``manage.py reencrypt``."""
        return decrypt(encrypted_text) if encrypted_text.startswith(_FERNET) else encrypted_text


def renew(*, write: bool) -> tuple[int, int, list[int]]:
    """Puts them under the newest key, and what lies open under a key at all.

    Answers how many were (or, without ``write``, would be) changed, how many were right already, and the rows that no key reads.
    """
    changed, right, unreadable = 0, 0, []
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True).iterator():
        with transaction.atomic():
            one = Authenticator.objects.select_for_update().filter(pk=pk).first()
            held = {name: one.data[name] for name in NAMES if name in one.data} if one else {}
            try:
                new = {
                    name: renewed(text) if text.startswith(_FERNET) else encrypt(text) for name, text in held.items()
                }
            except InvalidToken:
                unreadable.append(pk)
                continue
            right += sum(text is None for text in new.values())
            new = {name: text for name, text in new.items() if text is not None}
            changed += len(new)
            if new and write:
                one.data |= new
                one.save(update_fields=["data"])
    return changed, right, unreadable
