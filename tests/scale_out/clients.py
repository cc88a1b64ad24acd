"""The acceptance programs beside the tills: a merchant's own programs, which send nothing again, so they must not see what dies."""

import subprocess
import sys

from tests.faults.installation import PATIENCE, ROOT, until
from tests.faults.webhooks.site import Program, stretched

from .stack import Stack

ACCEPTANCE = ROOT / "tests" / "acceptance"
UNDER_WAY = {"seed": 4, "orders": 1}
"""Lines that a program has printed when it is in the middle of what it does."""


class Clients:
    """``seed`` is the four programs of the published documentation, ``orders`` a shop's real orders and cancellations."""

    def __init__(self, stack: Stack, node: str, listing: str) -> None:
        self.stack = stack
        self.commands = {
            "seed": [
                node,
                str(ACCEPTANCE / "seed.mjs"),
                "--listing",
                listing,
                "--patience",
                str(int(stretched(PATIENCE))),
            ],
            "orders": [sys.executable, "-m", "tests.acceptance.orders"],
        }
        self.running: dict[str, Program] = {}
        self.passed = 0

    def start(self) -> None:
        """Starts each, and waits until all are under way."""
        told = self.stack.environment("clients") | {
            "INCENTA_URL": self.stack.url,
            "INCENTA_KEY": self.stack.demo["apiKey"],
        }
        for name, command in self.commands.items():
            log = (self.stack.folder / f"{name}.log").open("w")
            self.running[name] = Program(self.stack, name, command, told, stdout=log)
        until(
            lambda: all(
                self.words(name).count("\n") >= lines or not self.running[name].is_alive
                for name, lines in UNDER_WAY.items()
            ),
            "the acceptance programs are under way",
            stretched(PATIENCE),
        )

    def words(self, name: str) -> str:
        """What it has printed; what went wrong behind it."""
        return (self.stack.folder / f"{name}.log").read_text() + self.running[name].words()

    def are_under_way(self) -> bool:
        return all(program.is_alive for program in self.running.values())

    def pass_well(self) -> None:
        """Waits until each has ended. Raises ``AssertionError`` with what it said where one is not content."""
        for name, program in self.running.items():
            try:
                code = program.process.wait(stretched(3 * PATIENCE))
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{name} does not end:\n{self.words(name)[-3000:]}") from None
            assert code == 0, f"{name}:\n{self.words(name)[-3000:]}"
            self.passed += 1

    def stop(self) -> None:
        for program in self.running.values():
            program.kill()
