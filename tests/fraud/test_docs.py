"""What the documents say of signals is what the registry says."""

import pytest

from fraud import signal_table
from fraud.assessment import CAPS
from fraud.weights import signals


def test_the_table_of_signals_is_up_to_date():
    text = signal_table.DOCUMENT.read_text()
    assert text == signal_table.put_into(text), "Run manage.py fraud_signals --write"


def test_every_signal_and_family_is_in_it():
    table = signal_table.markdown()
    assert all(f"| `{code}` |" in table for code in signals())
    assert set(signal_table.FAMILIES) == set(CAPS)


@pytest.mark.parametrize("code", sorted(signals()))
def test_every_signal_says_in_a_sentence_what_it_means(code):
    signal = signals()[code]
    assert signal.describe.endswith(".") and "|" not in signal.describe and 0 <= signal.points <= 100
