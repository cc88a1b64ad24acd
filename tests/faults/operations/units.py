"""systemd's units, as far as a test needs systemd: what they run, with the environment file's variables, and how they are stopped."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "docs" / "operate" / "systemd"
PYTHON = "/opt/incenta/.venv/bin/python"


def commands(unit: str) -> list[list[str]]:
    """Its ``ExecStart`` lines, with this clone and this Python where the document's are."""
    text = (UNITS / f"{unit}.service").read_text()
    found = []
    for line in re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE):
        line = line.replace(PYTHON, sys.executable).replace("/opt/incenta", str(ROOT))
        found.append(shlex.split(line.replace("%%", "%").replace("$$", "$")))
    return found


def settings(unit: str) -> dict[str, str]:
    """Its ``Environment`` lines."""
    text = (UNITS / f"{unit}.service").read_text()
    lines = re.findall(r'^Environment="?([A-Z_]+)=([^"\n]*)"?$', text, re.MULTILINE)
    return dict(lines)


class Service:
    """A unit that runs. ``${NAME}`` on its command line is the environment's, as systemd puts it in."""

    def __init__(self, unit: str, environment: dict[str, str], log: Path) -> None:
        [command] = commands(unit)
        filled = [re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], word) for word in command]
        self.unit, self.log = unit, log
        with log.open("w") as said:
            self.process = subprocess.Popen(
                filled,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def stop(self, seconds: float = 60) -> int:
        """KillMode=mixed: SIGTERM to the main process alone. Answers its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def run_once(unit: str, environment: dict[str, str]) -> str:
    """A oneshot unit: its commands one after another, each of which must succeed. Answers what they said."""
    said = ""
    for command in commands(unit):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment | settings(unit),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return said
