"""The page of the widgets: a live preview, the tag to copy, and what has to be there before a page may use it."""

from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.accounts import audit
from incenta.accounts.forms import RollForm
from incenta.accounts.models import ApiKey, App
from incenta.dashboard import once
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.pages import Action, AppPage
from incenta.widgets import tokens
from incenta.widgets.models import BoardNames, WidgetSettings

from . import look, samples, signing


def settled(app: App) -> WidgetSettings:
    """What the app has settled, or what it would be."""
    return WidgetSettings.objects.select_related("key").filter(app=app).first() or WidgetSettings(app=app)


class BoardForm(forms.Form):
    board_names = forms.ChoiceField(
        label="On a leaderboard, others are called by", choices=BoardNames.choices, widget=forms.RadioSelect
    )


class Widgets(AppPage):
    section = "widgets"
    template_name = "widgets/widgets.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        app = request.app
        kept = settled(app)
        key = kept.key_text if kept.key is not None and kept.key.is_usable else ""
        form = look.LookForm(look.DEFAULTS | request.GET.dict())
        shown = look.Look.of(form)
        state = request.GET.get("state", "full")
        state = state if state in samples.STATES else "full"
        sample_url = self.url("widget_sample", state, "v1/").removesuffix("/v1/")
        preview = {"key": samples.KEY, "token": "sample", "user-id": samples.USER, "api-url": sample_url}
        if shown.element in look.OF_ONE_LISTING:
            preview["listing-id"] = "lst_sample"
        secrets = list(app.signing_secrets.live())
        return self.page(
            {
                "form": look.LookForm(initial={name: getattr(shown, name) for name in look.DEFAULTS}),
                "look": shown,
                "what": look.ELEMENTS[shown.element],
                "is_public": shown.element in look.PUBLIC,
                "state": state,
                "states": samples.STATES.items(),
                "preview": look.element(shown.element, preview | shown.attributes()),
                "tag": look.tag(shown, app_id=app.pk, key=key, url=settings.BASE_URL),
                "base_url": settings.BASE_URL,
                "events": look.EVENTS,
                "key": key,
                "was_key": bool(kept.key_text) and not key,
                "secret": secrets[0] if secrets else None,
                "ending": secrets[1:],
                "board": BoardForm(initial={"board_names": kept.board_names}),
                "board_names": kept.get_board_names_display(),
                "may_make": may(request, "keys.manage"),
                "may_settle": may(request, "app.settings"),
            }
        )


class MakeKey(Action):
    """A publishable key of the widgets' own. It stands in web pages anyway, so this page keeps it, to show it again."""

    permission = "keys.manage"
    section = "widgets"

    def act(self) -> str:
        app = self.request.app
        App.objects.select_for_update().get(pk=app.pk)  # a double click makes one
        kept = settled(app)
        if kept.key is not None and kept.key.is_usable:
            return "There is a key already."
        kept.key, kept.key_text = ApiKey.objects.issue(app, "Widgets", "publishable", created_by=self.request.user)
        kept.save()
        audit.note("widgets.key_made", actor_of(self.request), app=app, subject=kept.key.pk, name=kept.key.name)
        return "The key is made, and stands in the tag below."


class SettleBoards(Action):
    permission = "app.settings"
    section = "widgets"

    def act(self) -> str:
        form = BoardForm(self.request.POST)
        if not form.is_valid():
            return "Nothing was changed."
        app = App.objects.select_for_update().get(pk=self.request.app.pk)
        kept = settled(app)
        before, kept.board_names = kept.board_names, form.cleaned_data["board_names"]
        if before == kept.board_names:
            return "Nothing was changed."
        kept.save()
        changed = {"board_names": [before, kept.board_names]}
        audit.note("widgets.changed", actor_of(self.request), app=app, subject=app.pk, changed=changed)
        return "From now on, browsers are told so."


class SecretForm(RollForm):
    """A signing secret is made, or followed by another."""

    def __init__(self, *args, has_one: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["overlap"].label = "Tokens signed with the present secret are believed for"
        self.fields["overlap"].choices = [
            ("24", "24 more hours: time to put the new one on every server"),
            ("1", "1 more hour"),
            ("0", "not a moment longer: it has leaked"),
        ]
        if not has_one:
            del self.fields["overlap"]


class NewSecret(AppPage):
    """Makes a signing secret. Its text is in the answer to this one POST and nowhere else."""

    permission = "keys.manage"
    section = "widgets"
    template_name = "widgets/new_secret.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        initial = {"overlap": "24", "once": once.new_token()}
        return self.shown(SecretForm(initial=initial, has_one=self.present() is not None))

    def present(self):
        return self.request.app.signing_secrets.live().first()

    def shown(self, form: SecretForm, *, status: int = 200) -> HttpResponse:
        return self.page({"form": form, "secret": self.present()}, status=status)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            with once.alone(request, request.POST.get("once", "")):
                # which form it was depends on whether there is a secret, and of two that are sent at once the first makes one
                form = SecretForm(request.POST, has_one=self.present() is not None)
                if not form.is_valid():
                    raise ValidationError(form.errors)
                overlap = timedelta(hours=int(form.cleaned_data.get("overlap") or 0))
                made, text = tokens.rotate(request.app, overlap, by=request.user, actor=actor_of(request))
        except ValidationError:
            return self.shown(form, status=422)
        except once.AlreadyUsed:
            messages.warning(
                request, "That secret was made already, and is shown only once. If it is lost, make another."
            )
            return redirect(self.url("widgets"))
        context = {"made": made, "text": text, "helpers": signing.helpers(request.app.pk)}
        return self.page(context, template="widgets/secret_made.html", status=201)
