"""Trying a campaign: the calls with its own id, and in the sandbox a button that makes each and shows the real answer."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from incenta import clock
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.pages import forbidden
from incenta.errors import DomainError
from referrals import codes, converting, referring
from referrals.faces_reward import SHOWN, reward_face
from referrals.models import Campaign, Referral

from .campaigns import CampaignPage

REFERRER = "asha"
"""Whose code the buttons make and use."""
ORDER = 50


class TryCampaign(CampaignPage):
    """POST ``run=share|click|order|reward`` makes the call in the sandbox and shows its answer, a refusal too."""

    template_name = "campaigns/try.html"
    tab = "try"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        return self.shown(self.campaign(campaign_id))

    def post(self, request: HttpRequest, campaign_id: str) -> HttpResponseBase:
        campaign = self.campaign(campaign_id)
        if not may(request, "campaigns.edit") or not request.app.is_sandbox:
            return forbidden(request, "campaigns.edit", "Calls are run here in the sandbox only.")
        run = request.POST.get("run", "")
        act = {"share": self.share, "click": self.click, "order": self.order, "reward": self.reward}.get(run)
        if act is None:
            return self.shown(campaign, status=400)
        try:
            with transaction.atomic():
                status, answer = act(campaign)
        except DomainError as error:
            told = {"error": error.message, "code": error.code} | ({"details": error.details} if error.details else {})
            status, answer = error.status, told
        return self.shown(campaign, run=run, answer_status=status, answer=answer)

    def shown(self, campaign: Campaign, *, status: int = 200, **context) -> HttpResponse:
        referral = self.referral(campaign)
        response = self.about(
            campaign,
            api_url=settings.BASE_URL,
            code=referral.code if referral else "",
            referral=referral,
            friend=self.friend(referral),
            referrer=REFERRER,
            order=ORDER,
            may_run=self.request.app.is_sandbox and may(self.request, "campaigns.edit"),
            **context,
        )
        response.status_code = status
        return response

    def referral(self, campaign: Campaign) -> Referral | None:
        return self.request.app.referrals.filter(campaign=campaign, referrer_id=REFERRER, referee_id=None).first()

    def friend(self, referral: Referral | None) -> str:
        """The next friend who has not bought yet."""
        made = self.request.app.conversions.filter(referral=referral).count() if referral else 0
        return f"friend-{made + 1}"

    def _code(self, campaign: Campaign) -> str:
        referral = self.referral(campaign)
        return referral.code if referral else codes.random_part()  # nobody has it: the answer says so

    # --- the calls --------------------------------------------------------------------------------------------------
    def share(self, campaign: Campaign) -> tuple[int, dict]:
        answer, is_new = referring.refer(
            self.request.app, campaign_id=campaign.pk, referrer_id=REFERRER, actor=actor_of(self.request)
        )
        return 201 if is_new else 200, answer

    def click(self, campaign: Campaign) -> tuple[int, dict]:
        friend = self.friend(self.referral(campaign))
        return 200, referring.click(
            self.request.app, code=self._code(campaign), referee_id=friend, actor=actor_of(self.request)
        )

    def order(self, campaign: Campaign) -> tuple[int, dict]:
        friend = self.friend(self.referral(campaign))
        answer, is_new = converting.convert(
            self.request.app, code=self._code(campaign), referee_id=friend, amount=ORDER, actor=actor_of(self.request)
        )
        return 201 if is_new else 200, answer

    def reward(self, campaign: Campaign) -> tuple[int, dict]:
        app = self.request.app
        found = app.rewards.select_related(*SHOWN).filter(campaign=campaign).order_by("-created_at", "-pk")[:5]
        return 200, {"rewards": [reward_face(each, clock.now(app)) for each in found]}
