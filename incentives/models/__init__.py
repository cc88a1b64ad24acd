"""The rows of the incentive room, where Django looks for them."""

from incentives.ledger.models import Hold, Lot, LotUse, Transfer, Wallet

__all__ = ["Hold", "Lot", "LotUse", "Transfer", "Wallet"]
