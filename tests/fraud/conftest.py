import pytest

from tests.cast import Caller, caller
from tests.referrals.moments import START, at


@pytest.fixture
def sandbox(himal) -> Caller:
    """Himal's sandbox, where it is noon on the first of March 2026."""
    sandbox = caller(himal.app.sandbox)
    at(sandbox, START)
    return sandbox
