"""The room of fraud by example, for the API's description."""

from . import case_examples, rule_examples

OPERATIONS = case_examples.OPERATIONS | rule_examples.OPERATIONS
