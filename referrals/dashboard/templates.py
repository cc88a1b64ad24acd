"""Campaigns to begin with: what most merchants mean, filled into the form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """``initial`` is what the form shows, in its own spelling."""

    key: str
    name: str
    text: str
    icon: str
    initial: tuple[tuple[str, str], ...]


TEMPLATES = {
    template.key: template
    for template in (
        Template(
            "give-and-get",
            "Give 10, get 10",
            "Both sides gain: the friend with the first order, the referrer a week later.",
            "gift",
            (
                ("name", "Give 10, get 10"),
                ("referral_type", "TWO_SIDED"),
                ("reward_model", "FIXED"),
                ("reward_value", "10"),
                ("referee_reward_value", "10"),
                ("hold_days", "7"),
            ),
        ),
        Template(
            "tiered",
            "Tiered",
            "Who brings many earns more: 5 % at first, 8 % from the sixth friend on, 12 % from the twenty-first.",
            "chart-no-axes-column-increasing",
            (
                ("name", "The more, the more"),
                ("referral_type", "ONE_SIDED"),
                ("reward_model", "TIERED"),
                ("tier_reward_model", "PERCENTAGE"),
                ("tiers", "0:5,5:8,20:12"),
                ("hold_days", "14"),
            ),
        ),
        Template(
            "multi-level",
            "Multi-level",
            "10 % for whoever refers, and 2 % for whoever brought the referrer.",
            "network",
            (
                ("name", "Friends of friends"),
                ("referral_type", "MULTI_LEVEL"),
                ("reward_model", "PERCENTAGE"),
                ("reward_value", "10"),
                ("level2_reward_value", "2"),
                ("hold_days", "14"),
            ),
        ),
    )
}
