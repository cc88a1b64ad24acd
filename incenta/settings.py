"""All settings, read from the environment (and ``.env``) by django-environ. A wrong value stops the start, loudly."""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from incenta import secret_key
from incenta.database import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    environ.Env.read_env(BASE_DIR / ".env")


def flag(name: str, default: bool) -> bool:
    """A yes or no. django-environ takes any misspelt yes for a no."""
    value = env.str(name, default="").strip().lower() or str(default).lower()
    if value not in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1", "yes", "on"}


DATA_DIR = Path(env.str("INCENTA_DATA_DIR", default=str(BASE_DIR / ".data")))
DEBUG = flag("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY must be set where DEBUG is off.")
    SECRET_KEY = secret_key.kept_in(DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"] if DEBUG else [])
PORT = env.int("PORT", default=8000)
BIND_ADDRESS = env.str("INCENTA_BIND_ADDRESS", default="127.0.0.1")
WEB_WORKERS = env.int("INCENTA_WEB_WORKERS", default=2)
WEB_THREADS = env.int("INCENTA_WEB_THREADS", default=4)
BASE_URL = env.str("INCENTA_BASE_URL", default=f"http://127.0.0.1:{PORT}" if DEBUG else "")
"""Where the outside world reaches this installation: short links and mails are built on it."""
if not BASE_URL:
    raise ImproperlyConfigured("INCENTA_BASE_URL must be set where DEBUG is off, such as https://rewards.example.com.")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "template_partials.apps.SimpleAppConfig",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
    "django_filters",
    "django_tables2",
    "formtools",
    "lucide",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    "incenta",
    "incenta.accounts",
    "incenta.events",
    "incenta.api",
    "incenta.dashboard",
    "incenta.docs",
    "incenta.widgets",
    "fraud",
    "incentives",
    "referrals",
    "marketplace",
    "webhooks",
]

MIDDLEWARE = [
    # Answers /v1 and /healthz before any of what follows runs: the API needs no session, user or CSRF token.
    "incenta.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "incenta.dashboard.middleware.DashboardMiddleware",
    "incenta.dashboard.middleware.LargestBodyMiddleware",
]
ROOT_URLCONF = "incenta.urls"
WSGI_APPLICATION = "incenta.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            # cotton and template-partials each want to own this list; written out, both work (their SimpleAppConfig does not touch it)
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton", "template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "incenta.dashboard.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
HTMX_VERSION = env.int("HTMX_VERSION", default=2)

# --- database -------------------------------------------------------------------------------------------------------
if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db("DATABASE_URL")}
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host/name."
        )
else:
    DATABASES = {
        "default": embedded.database_settings(DATA_DIR, disposable=flag("INCENTA_DISPOSABLE_DATABASE", default=False))
    }
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASE_POOLED = flag("DATABASE_POOLED", default=False)
"""Whether a pooler in transaction mode stands in front of the database: each transaction may then have another session."""
# Django binds on the client and never prepares by default; prepared statements halve the database's share of a request.
DATABASES["default"]["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": None if DATABASE_POOLED else 2}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_POOLED
if env.str("DATABASE_REPLICA_URL", default=""):
    DATABASES["replica"] = env.db("DATABASE_REPLICA_URL")
    DATABASES["replica"] |= {
        name: DATABASES["default"][name]
        for name in ("CONN_MAX_AGE", "CONN_HEALTH_CHECKS", "DISABLE_SERVER_SIDE_CURSORS")
    }
    # one that is away must not keep its readers waiting: the primary serves them
    DATABASES["replica"]["OPTIONS"] = (
        {"connect_timeout": 2, "tcp_user_timeout": 5000}
        | DATABASES["replica"].get("OPTIONS", {})
        | {name: DATABASES["default"]["OPTIONS"][name] for name in ("server_side_binding", "prepare_threshold")}
    )
    DATABASE_ROUTERS = ["incenta.database.replica.Router"]
if not env.str("DATABASE_URL", default="") and (DATABASE_POOLED or "replica" in DATABASES):
    raise ImproperlyConfigured("DATABASE_POOLED and DATABASE_REPLICA_URL are for the database that DATABASE_URL names.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- cache and tasks ------------------------------------------------------------------------------------------------
if env.str("CACHE_URL", default=""):
    CACHES = {"default": env.cache("CACHE_URL")}
else:
    # Django's 300 entries are few enough for a crowd to push out whose sign-ins are being counted
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "django_cache",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://")
QUORUM_QUEUES = flag("INCENTA_QUORUM_QUEUES", default=False)
if QUORUM_QUEUES and not CELERY_BROKER_URL.startswith(("amqp:", "amqps:", "pyamqp:")):
    raise ImproperlyConfigured(
        "INCENTA_QUORUM_QUEUES needs RabbitMQ: CELERY_BROKER_URL must begin with amqp:// or amqps://."
    )

# --- people ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "incenta.accounts.entrance.AccountAdapter"
ACCOUNT_FORMS = {"signup": "incenta.accounts.sign_up.SignUp"}
# who sits down at an open session does not take the account along by giving it another address
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# of passwords; a passkey at sign-up always needs a proved address (accounts/entrance.py)
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="optional")
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
MFA_ADAPTER = "incenta.accounts.second_factors.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # a phone's clock is seconds off, and typing takes some
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/dashboard/"
LOGOUT_REDIRECT_URL = "/"

if DEBUG and not env.str("EMAIL_URL", default=""):
    EMAIL_BACKEND = "incenta.accounts.mailbox.EmailBackend"  # nothing leaves: /dashboard/mailbox/ shows it
else:
    EMAIL_CONFIG = env.email("EMAIL_URL", default="smtp://localhost:25")
    vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Incenta <no-reply@localhost>")

# --- the API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["incenta.api.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["incenta.api.json.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "EXCEPTION_HANDLER": "incenta.api.errors.handler",
    "DEFAULT_SCHEMA_CLASS": "incenta.api.schema.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Incenta API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],  # no component for every list of words
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
IDEMPOTENCY_KEEP_HOURS = 72
BEHIND_PROXY = flag("INCENTA_BEHIND_PROXY", default=False)
"""Whether a proxy of ours stands in front: the last entry of X-Forwarded-For is then the caller's address."""
REQUEST_LOG_KEEP_DAYS = env.int("INCENTA_REQUEST_LOG_DAYS", default=30)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""With it as a bearer token ``/metrics`` answers; empty: only this machine is answered."""

# --- webhooks -------------------------------------------------------------------------------------------------------
# "raise" refuses to record an event that differs from the catalogue's schema; "sample" looks at one in a hundred and logs.
EVENT_CHECK = env.str("INCENTA_EVENT_CHECK", default="sample")
ALLOW_PRIVATE_WEBHOOKS = flag("INCENTA_ALLOW_PRIVATE_WEBHOOKS", default=False)
if ALLOW_PRIVATE_WEBHOOKS and not DEBUG:
    raise ImproperlyConfigured(
        "INCENTA_ALLOW_PRIVATE_WEBHOOKS is for development: it opens the inner network to merchants."
    )
ENCRYPTION_KEYS = env.list("INCENTA_ENCRYPTION_KEYS", default=[])
"""Fernet keys, newest first, that encrypt secrets at rest; empty: one is derived from SECRET_KEY."""
FRAUD_SECRET = env.str("INCENTA_FRAUD_SECRET", default="")
"""Keys the hashes by which fraud knows devices and addresses again; empty: SECRET_KEY does. Changing it forgets all links."""
if SECRET_KEY_FALLBACKS and not FRAUD_SECRET:
    raise ImproperlyConfigured(
        "SECRET_KEY is being changed (SECRET_KEY_FALLBACKS is set), and INCENTA_FRAUD_SECRET is not set. Set it to the SECRET_KEY "
        "that was in use until now, for good: else fraud forgets every device and address, and whom you were told to erase."
    )

# --- what the browser may do ----------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEBUG:
    SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [BASE_URL]
    if flag("INCENTA_BEHIND_PROXY", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- words, time, files ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env.str("STATICFILES_BACKEND", default="whitenoise.storage.CompressedManifestStaticFilesStorage"),
    },
}
WHITENOISE_MAX_AGE = 3600

LOG_FORMAT = env.str("LOG_FORMAT", default="plain" if DEBUG else "json")
if LOG_FORMAT not in ("json", "plain"):
    raise ImproperlyConfigured(f"LOG_FORMAT must be json or plain, not {LOG_FORMAT!r}.")
_LINES = {
    "json": {"()": "incenta.logs.json_formatter"},
    "plain": {
        "class": "logging.Formatter" if DEBUG else "incenta.logs.PlainFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
    },
}
QUIET_OF_CELERY = ("worker.strategy", "worker.request", "app.trace", "beat")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": _LINES[LOG_FORMAT]},
    "filters": {"request_id": {"()": "incenta.api.request_id.Filter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django.request": {"level": "ERROR"}}
    # a line for each of several bells a second says nothing; what a task stumbles over is logged as an error
    | ({} if DEBUG else {f"celery.{name}": {"level": "WARNING"} for name in QUIET_OF_CELERY}),
}
os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
