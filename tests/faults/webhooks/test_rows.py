"""The table of what is proved where names tests that exist, and the page shows it as it is."""

import ast

import pytest

from tests.faults.installation import ROOT

from .rows import ROWS, table

pytestmark = pytest.mark.faults


def test_the_table_names_tests_that_exist():
    assert list(ROWS) == list(range(1, 25))
    missing = []
    for _, tests in ROWS.values():
        for test in tests:
            file, _, name = test.partition("::")
            tree = ast.parse((ROOT / file).read_text())
            if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                missing.append(test)
    assert missing == []


def test_the_page_shows_the_table():
    assert table() in (ROOT / "docs" / "faults.md").read_text(), "print(rows.table()) into docs/faults.md"
