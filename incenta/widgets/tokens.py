"""User tokens: how a browser proves whose data it may read and spend.

A token is a JSON Web Token (RFC 7519), signed by the merchant's server with HMAC-SHA256 and the app's signing secret. It names
the app (``aud``), the user (``sub``) and its end (``exp``), at most an hour ahead. Whoever holds one is that user until then:
that is why it is short-lived, travels in a header of its own, and opens nothing without a publishable key and an allowed domain.
"""

import secrets
import time
from datetime import timedelta

import jwt
from django.utils import timezone

from incenta.accounts import audit
from incenta.accounts.models import App
from incenta.database import sql
from incenta.encryption import decrypt, encrypt
from incenta.errors import Unauthorized

from .models import SigningSecret

ALGORITHMS = ["HS256"]
"""The only one: a token that names another, or none, is refused before anything is computed."""
LONGEST_LIFE_S = 3600
LEEWAY_S = 60
"""By how much the clock of the merchant's server may be wrong."""
LONGEST_TOKEN = 4096
MOST_LIVE = 3
"""Secrets that count at once: the present one, and those that a rotation has left for a while."""
PREFIX = "inc_sig_"


# --- secrets ----------------------------------------------------------------------------------------------------------
def rotate(app: App, overlap: timedelta = timedelta(), *, by=None, actor: str = "") -> tuple[SigningSecret, str]:
    """A new secret for the app and its text, which can be read by nobody again. The one before counts for ``overlap`` more.

    Where no time is left for the one before, none of the earlier ones counts any more: that is the rotation after a leak.
    """
    with sql.transaction_joined():
        App.objects.select_for_update().get(pk=app.pk)  # two tabs make two secrets, one after the other
        now = timezone.now()
        earlier = list(app.signing_secrets.live())
        for place, secret in enumerate(earlier):
            ends = now + overlap if place < MOST_LIVE - 1 else now
            if secret.expires_at is None or secret.expires_at > ends:
                secret.expires_at = ends
                secret.save(update_fields=["expires_at"])
        text = f"{PREFIX}{'test' if app.is_sandbox else 'live'}_{secrets.token_urlsafe(32)}"
        made = SigningSecret.objects.create(app=app, sealed=encrypt(text), last4=text[-4:], created_by=by)
        audit.note("signing_secret.made", actor, app=app, subject=made.pk, isRotation=bool(earlier))
        return made, text


# --- tokens -----------------------------------------------------------------------------------------------------------
def sign(app: App, user_id: str, secret: str, *, lives_s: int = 900) -> str:
    """A token as the merchant's server makes it."""
    now = int(time.time())
    return jwt.encode({"aud": app.pk, "sub": user_id, "iat": now, "exp": now + lives_s}, secret, algorithm="HS256")


def user_of(app: App, token: str) -> str:
    """The user whom a token of this app names. One statement.

    Raises ``Unauthorized``: ``user_token_required`` without one, ``user_token_expired``, else ``user_token_invalid``.
    """
    if not token:
        raise Unauthorized("user_token_required", "Send the user's token, signed by your server, as x-user-token.")
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise _invalid("it is no token")
    for sealed in app.signing_secrets.live().values_list("sealed", flat=True)[:MOST_LIVE]:
        try:
            claims = jwt.decode(
                token,
                decrypt(sealed),
                algorithms=ALGORITHMS,
                audience=app.pk,
                leeway=LEEWAY_S,
                options={"require": ["sub", "aud", "exp"], "strict_aud": True},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise Unauthorized("user_token_expired", "The user token has expired.") from None
        except jwt.InvalidAudienceError:
            raise _invalid(f"aud must be {app.pk}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _invalid(str(error)[:100].lower().rstrip(".") or "it is no token") from None
        return _checked(claims)
    raise _invalid("no signing secret of this app has signed it")


def _checked(claims: dict) -> str:
    user_id = claims["sub"]
    if not 0 < len(user_id) <= 255 or "\x00" in user_id or not _is_whole(user_id):
        raise _invalid("sub must be a user id of 1 to 255 characters")
    # the library takes digits in quotes for a time, and a time of any length
    if int(claims["exp"]) > time.time() + LONGEST_LIFE_S + LEEWAY_S:
        raise _invalid("exp must be at most an hour ahead")
    return user_id


def _is_whole(text: str) -> bool:
    """Whether it holds no half of a character (a lone surrogate), which JSON can say and nothing can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(reason: str) -> Unauthorized:
    return Unauthorized("user_token_invalid", f"The user token is not valid: {reason}.")
