"""The rows of the incentive room, where Django looks for them."""

from incentives.ledger.models import Hold, Lot, LotUse, Transfer, Wallet

from .activity import ActionTally, Activity, Grant, Standing
from .adjustment import Adjustment
from .backfill import Backfill
from .board import BoardBlock, BoardBucket, BoardDelta, BoardScore, Period, ReferralCount
from .catalog import Item, ItemCode, ItemRedemption, ItemStock
from .event_import import EventImport
from .farming import FarmingPlace
from .ledger_check import LedgerCheck
from .rulebook import Action, Badge, Level, Milestone, Rulebook, RuleChange

__all__ = [
    "Action",
    "ActionTally",
    "Activity",
    "Adjustment",
    "Backfill",
    "Badge",
    "BoardBlock",
    "BoardBucket",
    "BoardDelta",
    "BoardScore",
    "EventImport",
    "FarmingPlace",
    "Grant",
    "Hold",
    "Item",
    "ItemCode",
    "ItemRedemption",
    "ItemStock",
    "LedgerCheck",
    "Level",
    "Lot",
    "LotUse",
    "Milestone",
    "Period",
    "ReferralCount",
    "RuleChange",
    "Rulebook",
    "Standing",
    "Transfer",
    "Wallet",
]
