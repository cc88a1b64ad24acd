"""Types that openapi-typescript generates, and openapi-fetch with them: a programme compiles and runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.following import blocks

pytestmark = [pytest.mark.node, pytest.mark.npm, pytest.mark.timeout(600)]
DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
QUIETLY = {f"npm_config_{name}": "false" for name in ("audit", "fund")} | {
    f"npm_config_{name}": "true" for name in ("ignore_scripts", "prefer_offline")
}
SOURCES = Path(__file__).with_name("typescript")


def run(folder: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=240
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory, url) -> Path:
    """The sources beside the types that are generated now, with what they need installed."""
    folder = tmp_path_factory.mktemp("typescript") / "project"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = run(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    if installed.returncode:
        told = (installed.stdout + installed.stderr).strip()[-2000:]
        if os.environ.get("CI", "").lower() not in {"1", "true", "yes"}:
            pytest.skip("npm cannot install: " + told.splitlines()[0][:200])
        pytest.fail(told, pytrace=False)
    # the document's own commands; what they install is there by now, in just these versions
    [program] = [content for _, _, content in blocks(DOCUMENT.read_text()) if content.startswith("npm install")]
    generated = run(folder, "bash", "-euo", "pipefail", "-c", program, INCENTA_URL=url, **QUIETLY)
    assert generated.returncode == 0 and (folder / "schema.d.ts").exists(), generated.stdout + generated.stderr
    # what the document shows is compiled and run beside the programme
    (shown,) = re.findall(r"```typescript\n(.*?)```", DOCUMENT.read_text(), re.S)
    (folder / "shown.ts").write_text(shown)
    return folder


def test_a_programme_compiles_and_runs(project, url, product):
    compiled = run(project, project / "node_modules" / ".bin" / "tsc")
    assert compiled.returncode == 0, compiled.stdout
    for program, said in (("smoke", r"done\n"), ("shown", r"\S{6,}\n")):
        ran = run(project, "node", f"built/{program}.js", INCENTA_URL=url, INCENTA_KEY=product.key)
        assert ran.returncode == 0 and re.fullmatch(said, ran.stdout), program + ran.stdout + ran.stderr
