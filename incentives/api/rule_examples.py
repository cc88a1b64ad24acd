"""Levels, badges, milestones and settings by example, for the API's description."""

from incenta.api.examples import Choice, Either, Face, Free, Nullable, Operation, Sometimes
from incentives.models import Milestone
from incentives.models.backfill import BackfillState
from incentives.models.rulebook import ExpiryRound, ExpiryUnit

AT = "2026-11-23T01:47:00.123Z"
POINTS = {"xp": 100, "coins": 50, "tokens": 0}
BACKFILL_ID = "bkf_01m831b2qts05fen4vdq67f4qp"
BACKFILL = Face(
    "Backfill",
    {
        "id": BACKFILL_ID,
        "noun": Choice("badge", "level", "milestone"),
        "key": Either("vip", 2),
        "state": Choice(*BackfillState.values),
        "total": 120,
        "done": 60,
        "granted": 58,
        "createdAt": AT,
        "finishedAt": Nullable(AT, shown=False),
    },
)
# what an answer adds where those who qualify already were asked about
OLD_USERS = {"preview": Sometimes(True), "qualifying": Sometimes(120), "backfill": Sometimes(BACKFILL)}
PREVIEW = {200: "A preview: nothing has changed; `qualifying` counts whom the rule would reach."}

_LEVEL = {
    "level": 2,
    "name": "Silver",
    "xpThreshold": 100,
    "coins": 5,
    "tokens": 0,
    "badgeKey": Nullable("vip", shown=False),
    "perks": ["Free delivery"],
    "createdAt": AT,
    "updatedAt": AT,
}
_BADGE = {
    "key": "newcomer",
    "name": "Newcomer",
    "description": "The first steps",
    "icon": "star",
    "criteria": Nullable(Free({"actionKey": "signed_up", "count": 1})),
    "xp": 10,
    "coins": 0,
    "active": True,
    "createdAt": AT,
    "updatedAt": AT,
}
_HELD = {
    "badgeKey": "newcomer",
    "name": "Newcomer",
    "description": "The first steps",
    "icon": "star",
    "userId": "user_123",
    "earnedAt": AT,
    "awarded": POINTS,
    "cause": Free({"type": "event", "id": "evt_01m831b2qts05fen4vdq67f4qp"}),
    "reason": Nullable("Helped another user", shown=False),
    "ruleVersion": 7,
}
_MILESTONE = {
    "key": "first_100_xp",
    "name": "The first hundred",
    "metric": Choice(*Milestone.Metric.values),
    "threshold": 100,
    "coins": 10,
    "tokens": 0,
    "active": True,
    "createdAt": AT,
    "updatedAt": AT,
}
LEVEL, BADGE, MILESTONE = Face("Level", _LEVEL), Face("Badge", _BADGE), Face("Milestone", _MILESTONE)
SETTINGS = Face(
    "IncentiveSettings",
    {
        "coinsExpireAfter": Nullable(365),
        "coinsExpireUnit": Choice(*ExpiryUnit.values),
        "coinsExpireRound": Choice(*ExpiryRound.values),
        "tokensExpireAfter": Nullable(365, shown=False),
        "tokensExpireUnit": Choice(*ExpiryUnit.values),
        "tokensExpireRound": Choice(*ExpiryRound.values),
        "streakFreezes": 1,
        "streakFreezeEvery": Nullable(7),
        "streakFreezesMost": 5,
        "version": 7,
    },
)
OF_LEVEL, OF_BADGE, OF_MILESTONE = {"level": 2}, {"key": "newcomer"}, {"key": "first_100_xp"}
NO_LEVEL, NO_BADGE, NO_MILESTONE = (
    {404: ("level_not_found",)},
    {404: ("badge_not_found",)},
    {404: ("milestone_not_found",)},
)

OPERATIONS = {
    ("Settings", "get"): Operation("When points expire, and how streaks are frozen", SETTINGS, id="getSettings"),
    ("Settings", "patch"): Operation(
        "The changed settings, for what is earned from now on",
        SETTINGS,
        body={"coinsExpireAfter": 365, "coinsExpireUnit": "day"},
        id="updateSettings",
    ),
    ("Levels", "get"): Operation("Levels, lowest first", item=LEVEL, id="listLevels"),
    ("Levels", "post"): Operation(
        "The level that was created",
        _LEVEL | OLD_USERS,
        status=201,
        also=PREVIEW,
        body={"level": 2, "name": "Silver", "xpThreshold": 100, "coins": 5},
        codes={409: ("level_exists", "level_order")},
        id="createLevel",
    ),
    ("LevelDetail", "get"): Operation("One level", LEVEL, path=OF_LEVEL, codes=NO_LEVEL, id="getLevel"),
    ("LevelDetail", "patch"): Operation(
        "The changed level",
        _LEVEL | OLD_USERS,
        path=OF_LEVEL,
        body={"xpThreshold": 150, "preview": True},
        codes=NO_LEVEL | {409: ("level_order",)},
        id="updateLevel",
    ),
    ("LevelDetail", "delete"): Operation("Removes the level", path=OF_LEVEL, codes=NO_LEVEL, id="deleteLevel"),
    ("Badges", "get"): Operation("Badges, newest first", item=BADGE, id="listBadges"),
    ("Badges", "post"): Operation(
        "The badge that was created",
        _BADGE | OLD_USERS,
        status=201,
        also=PREVIEW,
        body={"key": "newcomer", "name": "Newcomer", "criteria": {"actionKey": "signed_up", "count": 1}, "xp": 10},
        codes={409: ("badge_exists",)},
        id="createBadge",
    ),
    ("BadgeDetail", "get"): Operation(
        "One badge, and how many hold it", _BADGE | {"holders": 12}, path=OF_BADGE, codes=NO_BADGE, id="getBadge"
    ),
    ("BadgeDetail", "patch"): Operation(
        "The changed badge", _BADGE | OLD_USERS, path=OF_BADGE, body={"xp": 20}, codes=NO_BADGE, id="updateBadge"
    ),
    ("AwardBadge", "post"): Operation(
        "The badge, given by hand",
        _HELD
        | {
            "balances": {"xp": 250, "coins": 125, "tokens": 0},
            "level": 2,
            "leveledUp": False,
            "levelsReached": [2],
            "badgesEarned": ["newcomer"],
            "milestonesReached": ["first_100_xp"],
        },
        status=201,
        also={200: "The user holds it already."},
        path=OF_BADGE,
        body={"userId": "user_123", "reason": "Helped another user"},
        codes=NO_BADGE | {400: ("badge_inactive",), 409: ("balance_too_large",)},
        id="awardBadge",
    ),
    ("UserBadges", "get"): Operation(
        "The badges of one user, newest first", item=_HELD, path={"userId": "user_123"}, id="listUserBadges"
    ),
    ("Milestones", "get"): Operation(
        "Milestones that users have reached, newest first",
        item={
            "key": "first_100_xp",
            "name": "The first hundred",
            "metric": Nullable(Choice(*Milestone.Metric.values)),
            "threshold": Nullable(100),
            "userId": "user_123",
            "achievedAt": AT,
            "awarded": POINTS,
            "cause": Free({"type": "event", "id": "evt_01m831b2qts05fen4vdq67f4qp"}),
            "ruleVersion": 7,
        },
        id="listMilestones",
    ),
    ("MilestoneRules", "get"): Operation("Rules of milestones, newest first", item=MILESTONE, id="listMilestoneRules"),
    ("MilestoneRules", "post"): Operation(
        "The rule that was created",
        _MILESTONE | OLD_USERS,
        status=201,
        also=PREVIEW,
        body={"key": "first_100_xp", "metric": "xp", "threshold": 100, "coins": 10},
        codes={409: ("milestone_exists",)},
        id="createMilestoneRule",
    ),
    ("MilestoneRule", "get"): Operation(
        "One rule", MILESTONE, path=OF_MILESTONE, codes=NO_MILESTONE, id="getMilestoneRule"
    ),
    ("MilestoneRule", "patch"): Operation(
        "The changed rule",
        _MILESTONE | OLD_USERS,
        path=OF_MILESTONE,
        body={"coins": 20},
        codes=NO_MILESTONE,
        id="updateMilestoneRule",
    ),
    ("MilestoneRule", "delete"): Operation(
        "Removes the rule", path=OF_MILESTONE, codes=NO_MILESTONE, id="deleteMilestoneRule"
    ),
    ("Backfills", "get"): Operation("Backfills, newest first", item=BACKFILL, id="listBackfills"),
    ("BackfillDetail", "get"): Operation(
        "How far a backfill has come",
        BACKFILL,
        path={"backfillId": BACKFILL_ID},
        codes={404: ("backfill_not_found",)},
        id="getBackfill",
    ),
}
