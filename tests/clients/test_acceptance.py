"""The acceptance programs against a product that runs. ``make test-scale-out`` runs them while its parts are killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
pytestmark = pytest.mark.timeout(600)


def run(product, url: str, *command: str | Path) -> str:
    here = os.environ | {"INCENTA_URL": url, "INCENTA_KEY": product.key}
    ran = subprocess.run(command, cwd=ACCEPTANCE.parents[1], env=here, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.node
def test_the_published_programs_pass(product, url, node):
    said = run(product, url, node, ACCEPTANCE / "seed.mjs", "--patience", "90")
    assert said.endswith("all passed\n") and said.count("\nok ") > 30


def test_every_penny_of_real_orders_agrees(product, url):
    assert run(product, url, sys.executable, "-m", "tests.acceptance.orders").endswith("all agree\n")
