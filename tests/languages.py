"""The documents' programs in Go and PHP, run with some lines that call them."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_IMPORTS = re.compile(r"^import \(\n.*?^\)\n", re.MULTILINE | re.DOTALL)
_PACKAGE = re.compile(r"^package \w+\n", re.MULTILINE)


def told_by(language: str, snippet: str, calling: str, given: str, folder: Path) -> str:
    """What the snippet and the lines after it print when they read ``given``. Skips where the language is not installed; CI has it."""
    program = shutil.which(language) or pytest.skip(f"{language} is not installed.")
    file = folder / f"main.{language}"
    text = f"{snippet}\n{calling}"
    if language == "go":
        # imports stand above everything else
        imports = "".join(_IMPORTS.findall(text))
        text = f"package main\n{imports}{_PACKAGE.sub('', _IMPORTS.sub('', text))}"
    file.write_text(text)
    # what Go compiled for one of these tests serves the others
    cache = Path(tempfile.gettempdir()) / "incenta-tests-go"
    here = os.environ | {"GOCACHE": str(cache), "GO111MODULE": "off", "GOPATH": str(folder)}
    command = [program, *(["run"] if language == "go" else []), str(file)]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=True, timeout=280, env=here
    ).stdout
