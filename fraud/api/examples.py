"""The room of fraud by example, for the API's description."""

from . import rule_examples

OPERATIONS = rule_examples.OPERATIONS
