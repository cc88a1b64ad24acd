"""Every statement the ledger sends, on Django's connection."""

WRITE = ""
"""Comma-separated CTEs, without WITH, that write a plan: ``f"WITH {WRITE}, mine AS (…) SELECT …"`` with ``wallets.parameters()``."""
