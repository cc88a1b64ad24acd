"""The left menu: every page that exists, shown to whom it serves. A page that is not built yet is not in it."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from .access import may


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. ``section`` is the name of its page's URL and of ``AppPage.section``."""

    group: str
    section: str
    label: str
    icon: str
    permission: str = "programme.read"
    hotkey: str = ""


ENTRIES = (
    Entry("Program", "overview", "Overview", "layout-dashboard", hotkey="g o"),
    Entry("Program", "campaigns", "Campaigns", "megaphone", hotkey="g c"),
    Entry("Program", "referrals", "Referrals", "ticket", hotkey="g r"),
    Entry("Program", "conversions", "Conversions", "shopping-bag"),
    Entry("Program", "rewards", "Rewards", "hand-coins", hotkey="g w"),
    Entry("Fraud", "fraud", "Review", "shield-alert", "fraud.read", hotkey="g f"),
    Entry("Fraud", "fraud_rules", "Rules", "sliders-horizontal", "fraud.read"),
    Entry("Fraud", "fraud_lists", "Lists", "list-checks", "fraud.read"),
    Entry("Engagement", "actions", "Actions", "zap", hotkey="g a"),
    Entry("Engagement", "levels", "Levels", "chart-no-axes-column-increasing"),
    Entry("Engagement", "badges", "Badges", "award"),
    Entry("Engagement", "milestones", "Milestones", "flag"),
    Entry("Engagement", "ledgers", "Users and points", "wallet", hotkey="g u"),
    Entry("Engagement", "leaderboard", "Leaderboard", "trophy", hotkey="g b"),
    Entry("Engagement", "catalog", "Catalog", "gift"),
    Entry("Engagement", "redemptions", "Redemptions", "ticket-check"),
    Entry("Engagement", "incentive_settings", "Expiry and streaks", "hourglass"),
    Entry("Engagement", "widgets", "Widgets", "blocks"),
    Entry("Marketplace", "marketplace", "Taking part", "handshake", hotkey="g m"),
    Entry("Marketplace", "marketplace_profile", "Business profile", "store"),
    Entry("Marketplace", "listings", "Listings", "tags"),
    Entry("Marketplace", "promotions", "Promotions", "badge-percent"),
    Entry("Marketplace", "marketplace_redemptions", "Market redemptions", "ticket"),
    Entry("Marketplace", "counter", "Counter", "scan-line", "marketplace.settle"),
    Entry("Marketplace", "statement", "Statement", "receipt-text"),
    Entry("Developers", "keys", "API keys", "key-round", "keys.manage", hotkey="g k"),
    Entry("Developers", "webhooks", "Webhooks", "webhook", "webhooks.manage", hotkey="g h"),
    Entry("Developers", "request_log", "Request log", "scroll-text", "logs.read", hotkey="g l"),
    Entry("Developers", "docs", "API docs", "book-open", hotkey="g d"),
    Entry("Organisation", "team", "Team", "users", "team.manage", hotkey="g t"),
    Entry("Organisation", "usage", "Usage", "gauge"),
    Entry("Organisation", "settings", "Settings", "settings", "app.settings"),
    Entry("Organisation", "audit", "Audit log", "history", "programme.export"),
)

ELSEWHERE = (
    Entry("Program", "new_campaign", "New campaign", "plus", "campaigns.edit"),
    Entry("Program", "payouts", "Payouts", "users"),
    Entry("Program", "payout_settings", "Payout settings", "users", "app.settings"),
    Entry("Program", "people", "People", "user"),
    Entry("Fraud", "fraud_versions", "Versions of the rules", "sliders-horizontal", "fraud.read"),
    Entry("Fraud", "new_fraud_rules", "New draft of rules", "plus", "fraud.rules"),
    Entry("Fraud", "fraud_settings", "Fraud settings", "settings", "fraud.read"),
    Entry("Fraud", "new_fraud_entry", "New list entry", "plus", "fraud.decide"),
    Entry("Fraud", "fraud_mutes", "Muted signals", "volume-off", "fraud.read"),
    Entry("Engagement", "new_action", "New action", "plus", "incentives.edit"),
    Entry("Engagement", "new_level", "New level", "plus", "incentives.edit"),
    Entry("Engagement", "new_badge", "New badge", "plus", "incentives.edit"),
    Entry("Engagement", "new_milestone", "New milestone", "plus", "incentives.edit"),
    Entry("Engagement", "new_item", "New item of the catalog", "plus", "incentives.edit"),
    Entry("Engagement", "simulator", "Simulator", "play"),
    Entry("Marketplace", "new_listing", "New listing", "plus", "marketplace.edit"),
    Entry("Marketplace", "new_promotion", "New promotion", "plus", "marketplace.edit"),
    Entry("Developers", "new_key", "Create key", "plus", "keys.manage"),
    Entry("Developers", "new_webhook", "Add endpoint", "plus", "webhooks.manage"),
    Entry("Developers", "webhook_receiver", "Test receiver", "inbox", "webhooks.manage"),
    Entry("Developers", "api_calls", "Requests", "scroll-text", "logs.read"),
    Entry("Organisation", "apps", "Apps", "layout-grid"),
    Entry("Organisation", "new_app", "New app", "plus", "app.settings"),
    Entry("Organisation", "notifications", "Notifications", "bell"),
    Entry("Organisation", "persons_data", "One person's data: export, erase", "user", "app.settings"),
)
"""What is reached from other pages, and what makes something: in no menu, but the command box finds it by name."""


def menu_of(request: HttpRequest) -> list[dict]:
    """``[{"group", "entries": [{"entry", "url"}]}]`` of what the reader may open in the current app."""
    groups: dict[str, list[dict]] = {}
    for entry in ENTRIES:
        if may(request, entry.permission):
            url = reverse(f"dashboard:{entry.section}", args=[request.app.pk])
            groups.setdefault(entry.group, []).append({"entry": entry, "url": url})
    return [{"group": group, "entries": entries} for group, entries in groups.items()]
