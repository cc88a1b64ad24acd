"""Somebody who reads a document and does what it says: runs each program in its order, and compares what it shows.

What a document may hold, by the word behind its fence:

- ``sh``: run by bash; what it exports stays. ``export CODE=…`` takes what the answer before called so: the dots stand for anything.
  A block that ends in ``&`` goes on beside what follows. ``make run`` has been done.
- ``python``, ``js``: run as they stand; with a file's name behind the word they are saved under it instead.
- ``json``: a part of what the program before has answered. ``text``: all of what it printed; ``text receiver``: what a program
  beside has printed by now, in any order; ``text drawing``: a picture.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "docs"
PATIENCE_S = 60
FENCE = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLED = {"CODE": "referralCode"}
"""What an answer calls a variable whose value does not tell it by its beginning."""


def blocks(text: str) -> list[tuple[str, str, str]]:
    """(language, what stands behind it, content) of every fence."""
    return FENCE.findall(text)


def is_like(shown: str, told: str) -> bool:
    """Whether a text is the one shown, in which dots stand for anything."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), told, re.DOTALL) is not None


def differs(shown: object, told: object, at: str = "answer") -> str:
    """Where an answer is not what a document shows of it; empty where it is. Fields and items may follow."""
    if isinstance(shown, dict) and isinstance(told, dict) and shown:
        for name, value in shown.items():
            if name not in told:
                return f"{at} has no {name}"
            if found := differs(value, told[name], f"{at}.{name}"):
                return found
        return ""
    if isinstance(shown, list) and isinstance(told, list) and shown:
        if len(told) < len(shown):
            return f"{at} has {len(told)} items, not {len(shown)}"
        return next(filter(None, (differs(*pair, f"{at}[]") for pair in zip(shown, told, strict=False))), "")
    if isinstance(shown, str) and isinstance(told, str):
        return "" if is_like(shown, told) else f"{at} is {told!r}, not {shown!r}"
    same = shown == told and isinstance(shown, bool) == isinstance(told, bool)
    return "" if same else f"{at} is {told!r}, not {shown!r}"


def strings(value: object, name: str = ""):
    """(name, text) of every text in an answer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, name)
    elif isinstance(value, str):
        yield name, value


@dataclass
class Follower:
    """``folder``: where files are saved. ``names``: variables that the reader has already. ``instead``: what is read differently
    here, such as a port that is taken."""

    folder: Path
    names: dict[str, str]
    instead: dict[str, str] = field(default_factory=dict)
    printed: str | None = None
    answer: object = None
    beside: list[subprocess.Popen] = field(default_factory=list)
    ran: int = 0
    last: object = None
    without: set[str] = field(default_factory=set)

    def follow(self, text: str) -> None:
        """Does everything that the document says. Raises ``AssertionError`` where it is not as it says."""
        try:
            for language, info, content in blocks(text):
                for mine, theirs in self.instead.items():
                    content = content.replace(mine, theirs)
                self.step(language, info.strip(), content)
            self.refused("the document ends")
        finally:
            self.leave()
        for program in sorted(self.without):
            if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
                pytest.fail(f"{program} is not installed, and CI must skip nothing.", pytrace=False)
            pytest.skip(f"{program} is not installed.")

    def step(self, language: str, info: str, content: str) -> None:
        if language in ("json", "text"):
            if info != "drawing":
                self.compare(language, info, content)
            return
        self.refused(content)
        if language in ("sh", ""):
            self.shell(content)
        elif info:
            (self.folder / info).write_text(content)
        elif language == "python":
            self.program([sys.executable, "-"], content)
        elif language in ("js", "javascript"):
            node = shutil.which("node")
            if node is None:
                self.without.add("Node")
                self.printed = None
            else:
                self.program([node, "--input-type=module", "-"], content)
        else:
            raise AssertionError(f"Nobody here can run {language!r}:\n{content}")

    def refused(self, what: str) -> None:
        """A call that was refused must be shown as one."""
        if isinstance(self.answer, dict) and {"error", "code", "requestId"} <= self.answer.keys():
            raise AssertionError(
                f"The call before was refused, and the document does not say so: {self.answer}\n{what}"
            )
        self.answer = None

    # -- programs ----------------------------------------------------------------------------------------------------
    def environment(self) -> dict[str, str]:
        return os.environ | self.names | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}

    def shell(self, content: str) -> None:
        if content.startswith("make "):
            return
        exports = re.findall(r"^export (\w+)=(.*)$", content, re.MULTILINE)
        if exports:
            assert len(exports) == len(content.strip().splitlines()), f"Exports stand alone:\n{content}"
            for name, shown in exports:
                if name not in ("INCENTA_URL", "INCENTA_KEY"):
                    self.names[name] = self.value_of(name, shown)
            return
        if content.rstrip().endswith("&"):
            log = (self.folder / "beside.log").open("ab")
            command = ["bash", "-c", f"exec {content.strip().removesuffix('&')}"]
            program = subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdout=log, stderr=log)
            self.beside.append(program)
            self.until_it_listens(program)
            return
        missing = set(re.findall(r"\$([A-Z_]+)", content)) - self.names.keys()
        assert not missing, f"{missing} is not known here:\n{content}"
        self.program(["bash", "-euo", "pipefail", "-s"], content)

    def until_it_listens(self, program: subprocess.Popen) -> None:
        """A reader looks whether it runs before he goes on."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(each.status == psutil.CONN_LISTEN for each in psutil.Process(program.pid).net_connections("tcp")):
            assert program.poll() is None, (self.folder / "beside.log").read_text()
            assert time.monotonic() < deadline, "It does not listen."
            time.sleep(0.05)

    def program(self, command: list[str], content: str) -> None:
        done = subprocess.run(
            command, input=content, cwd=self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{content}\n{done.stdout}{done.stderr}"
        self.ran += 1
        self.printed = done.stdout
        try:
            self.answer = json.loads(done.stdout)
        except ValueError:
            self.answer = None
        else:
            self.last = self.answer

    def value_of(self, name: str, shown: str) -> str:
        """What the last answer has for ``export NAME=…``."""
        if "…" not in shown:
            return shown
        wanted = CALLED.get(name)
        for found, value in strings(self.last):
            if is_like(shown, value) and (wanted is None or found == wanted):
                return value
        raise AssertionError(f"No answer has a {name} like {shown}: {self.last}")

    # -- what is shown -----------------------------------------------------------------------------------------------
    def compare(self, language: str, info: str, content: str) -> None:
        if info == "receiver":
            self.heard(content)
            return
        if self.printed is None:
            assert "Node" in self.without, f"Nothing was printed before:\n{content}"
            return
        if language == "text":
            assert is_like(content.strip(), self.printed.strip()), f"It printed\n{self.printed}\nand not\n{content}"
        else:
            assert self.answer is not None, f"It printed\n{self.printed}\nwhich is no JSON; shown is\n{content}"
            wrong = differs(json.loads(content), self.answer)
            assert not wrong, f"{wrong}. It answered\n{self.printed}\nand shown is\n{content}"
            self.answer = None
        self.printed = None

    def heard(self, content: str) -> None:
        """Waits until a program beside has printed every line that is shown."""
        deadline = time.monotonic() + PATIENCE_S
        wanted = content.strip().splitlines()
        while True:
            lines = (self.folder / "beside.log").read_text().splitlines()
            if all(any(is_like(line, told) for told in lines) for line in wanted):
                return
            assert time.monotonic() < deadline, f"It printed\n{lines}\nand not\n{content}"
            time.sleep(0.05)

    def leave(self) -> None:
        for program in self.beside:
            program.kill()
            program.wait()
