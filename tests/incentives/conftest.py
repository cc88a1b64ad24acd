"""The cast's shop. Wallets are made as they are met."""

import pytest

from incenta.accounts import create_merchant
from incenta.accounts.models import User


def open_shop(name: str):
    """A merchant's live app."""
    owner = User.objects.create_user(email=f"owner@{name}.example", password="correct horse battery")
    return create_merchant(owner, name, currency="GBP").apps.get(sandbox_of=None)


@pytest.fixture
def himal(db):
    return open_shop("himal")


@pytest.fixture
def rival(db):
    return open_shop("rival")
