"""A random sample of what nothing spoke against: without it nobody knows what is missed, and feedback only confirms itself.

A sample opens a case and holds nothing; nobody is told of it but the analysts.
"""

import hashlib
from datetime import datetime

from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.ids import new_id

from . import cases
from .histories import Story
from .models import Case, Flag, FlagType

SIGNAL = "SAMPLE"


def is_drawn(subject_id: str, per_thousand: int) -> bool:
    """Whether a subject is of the sample: by its id alone, so that looking twice draws the same."""
    drawn = hashlib.blake2b(subject_id.encode(), digest_size=4, person=b"fraud-sample").digest()
    return int.from_bytes(drawn, "big") % 1000 < per_thousand


def perhaps(app: App, story: Story, per_thousand: int, *, now: datetime) -> bool:
    """Opens the case of a sample where the subject is drawn and has none yet. Answers whether it did."""
    if not is_drawn(story.subject_id, per_thousand):
        return False
    with transaction_joined():
        if Flag.objects.filter(app=app, subject_type=story.subject_type, subject_id=story.subject_id).exists():
            return False
        case = Case.objects.create(
            id=new_id("case"), app=app, key=f"sample:{story.subject_id}", score=0, is_sample=True, opened_at=now
        )
        cases.happened(case, "opened", actor="system", at=now).save()
        Flag.objects.create(
            id=new_id("flag"), app=app, case=case, subject_type=story.subject_type, subject_id=story.subject_id,
            campaign_id=story.campaign_id, user_id=story.referrer_id, type=FlagType.MANUAL_FLAG, signal=SIGNAL, points=0,
            score=0, message="Taken at random from what nothing spoke against.", first_at=now, last_at=now,
        )  # fmt: skip
    return True
