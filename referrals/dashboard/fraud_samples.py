"""The button that fills a sandbox's review with cases to practise on."""

from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import Action
from referrals import fraud_samples


class MakeSamples(Action):
    permission = "fraud.decide"
    section = "fraud"

    def act(self) -> str:
        held = fraud_samples.make(self.request.app, actor=actor_of(self.request))
        return f"Sample cases are made: {held} conversions are on hold. Decide them as you like, nothing here is real."
