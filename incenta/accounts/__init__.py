"""Who: users, merchants, memberships, apps with their sandbox twins, API keys, participants, plans."""


def create_merchant(user, name: str, *, app_name: str | None = None, currency: str = "USD", timezone: str = "UTC"):
    """A merchant with its owner, one live app and that app's sandbox, in one transaction. Answers the merchant."""
    from incenta.database.sql import transaction_joined

    from .models import Membership, Merchant, Plan, Role

    with transaction_joined():
        merchant = Merchant.objects.create(name=name, plan=Plan.objects.default())
        Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)
        merchant.open_app(app_name or name, currency=currency, timezone=timezone)
    return merchant
