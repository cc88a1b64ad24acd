"""The same calls through the whole stack of the API, as JSON with a key: middleware, throttle, idempotency, serializers, views."""

import json

from .calls import Call, Click, Convert, Happen, Redeem, Refer, Reverse, body_of

PATHS = {
    Refer: "/v1/referrals",
    Click: "/v1/clicks",
    Convert: "/v1/conversions",
    Reverse: "/v1/conversions/{id}/reverse",
    Happen: "/v1/incentives/events",
    Redeem: "/v1/incentives/redeem",
}


class Door:
    """Where the merchants' servers call, each from its own address with its own library."""

    def __init__(self, stage):
        from django.test import Client

        self.stage, self.client = stage, Client(raise_request_exception=True)

    def takes(self, call: Call) -> bool:
        return type(call) in PATHS and not (isinstance(call, Reverse) and call.convert not in self.stage.made)

    def send(self, call: Call) -> None:
        """Sends it and keeps what it made. Raises ``DomainError`` where it is refused."""
        from incenta.errors import DomainError

        stage = self.stage
        app, merchant = stage.apps[call.app], stage.sealed.merchants[call.app]
        app.save(update_fields=["clock_frozen_at"])
        body = body_of(
            call,
            stage.coverage,
            campaign_id=stage.campaigns[call.app],
            code=stage.made.get(getattr(call, "refer", -1), ""),
            item_id=stage.items[call.app][call.item] if isinstance(call, Redeem) else "",
        )
        path = PATHS[type(call)].format(id=stage.made.get(getattr(call, "convert", -1), ""))
        response = self.client.post(
            path,
            json.dumps(body),
            content_type="application/json",
            headers={"x-api-key": stage.keys[call.app], "user-agent": merchant.library, "host": "127.0.0.1"},
            REMOTE_ADDR=merchant.server,
        )
        told = json.loads(response.content)
        if response.status_code >= 400:
            raise DomainError(told.get("code", str(response.status_code)), told.get("error", ""))
        if isinstance(call, Refer):
            stage.made[call.number], stage.referrals[call.number] = told["referralCode"], told["referralId"]
        elif isinstance(call, Convert):
            stage.made[call.number], stage.answers[call.number] = told["conversionId"], told
