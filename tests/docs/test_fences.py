"""Whatever stands between fences in the README and in ``docs/`` is run, or held against what is really said, by a test. Who does it
stands here, block by block; a block that is added asks for its line. What cannot be run here says why."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from .following import FOLDER, blocks
from .test_following import FOLLOWED

TESTS = Path(__file__).parents[1]
README = FOLDER.parent / "README.md"
FILES = [README, *sorted(FOLDER.glob("*.md"))]


class Proof(NamedTuple):
    """``count`` blocks of a language that begin so are run by ``by``, a file below ``tests/``; ``why`` it is not the block itself that
    is run, and what is done instead."""

    begins: str
    by: str
    why: str = ""
    count: int = 1


MACHINE = "It changes the machine on which it is given. "
PROOFS: dict[str, dict[str, list[Proof]]] = {
    "README": {
        "": [
            Proof("make run", "platform/test_up.py", "What `make run` starts is started, with its own folder and port."),
            Proof("curl", "platform/test_readme.py", count=2),
            Proof("python manage.py migrate", "operations/test_deployment.py", "Compared with the units, which are run."),
        ],
    },
    "quickstart": {
        "sh": [Proof("", "docs/fresh_reader.py", count=15)],
        "json": [Proof("{", "docs/fresh_reader.py", count=4)],
        "python": [Proof("import", "docs/fresh_reader.py")],
        "text": [Proof("", "docs/fresh_reader.py", count=2)],
    },
    "clients": {
        "sh": [Proof("pip install", "clients/test_python.py"), Proof("npm install", "clients/test_typescript.py")],
        "python": [Proof("import", "clients/test_python.py")],
        "typescript": [Proof("import", "clients/test_typescript.py")],
        "text": [Proof("tests/clients/test_acceptance.py::", "clients/test_acceptance.py", "What the command printed.")],
    },
    "marketplace": {"": [Proof("curl", "marketplace/test_guide.py", count=10)]},
    "webhooks": {
        language: [Proof("", "webhooks/test_docs.py", count=count)]
        for language, count in {"http": 14, "python": 3, "js": 2, "php": 1, "go": 1}.items()
    },
    "widgets": {
        **{language: [Proof("", "widgets/test_docs.py")] for language in ("python", "js", "php", "go")},
        "html": [Proof("<", "browser/test_widgets.py", count=4)],
        "text": [
            Proof("script-src", "browser/test_widgets.py"),
            Proof("tests/browser/test_widgets.py::", "browser/test_widgets.py", "What the command printed."),
        ],
        "sh": [Proof("make test", "browser/test_widgets.py", "It runs these very tests.")],
    },
    "dashboard": {
        "console": [Proof("$ export CHROME_PATH", "browser/test_bars.py", "Somebody else's measure, from the network.")],
    },
    "faults": {"sh": [Proof("apt-get install", "faults/webhooks", "It runs these very tests.")]},
    "scale-out": {
        "": [Proof(" ", "scale_out/stack.py", "A drawing of what is started.")],
        "sh": [Proof("apt-get install", "scale_out/__main__.py", "It runs this very program; minutes, so it is asked for by name.")],
        "text": [Proof("", "scale_out/__main__.py", "What the command printed.")],
    },
    "operate": {
        "console": [
            Proof("$ python manage.py check --deploy", "faults/operations/test_production.py"),
            Proof("$ apt-get install", "operations/test_deployment.py", MACHINE + "What its units run is run, its last line compared."),
            Proof("$ cp docs/operate/incenta.env", "operations/test_deployment.py", "There is no Docker here: the files are compared."),
        ],
    },
    "operate-backups": {
        "console": [
            Proof("$ python manage.py backup", "faults/operations/test_production.py"),
            Proof("$ python manage.py restore_drill", "faults/operations/test_production.py"),
            Proof("$ createdb", "operations/test_backups.py"),
            Proof("$ pg_basebackup", "faults/operations/test_production.py"),
            Proof("$ mv /var/lib", "faults/operations/test_production.py", MACHINE + "The same is done with a server of the test's own."),
        ],
        "ini": [Proof("archive_mode = on", "faults/operations/test_production.py")],
    },
    "operate-keys": {
        "console": [
            Proof("$ python3 -c", "operations/test_rotation.py"),
            Proof("$ python manage.py reencrypt", "faults/operations/test_production.py"),
        ],
    },
    "operate-migrations": {
        "console": [
            Proof("$ make check", "operations/test_migration_rules.py"),
            Proof("$ PGOPTIONS", "faults/operations/test_production.py", "The unit that says the same is run."),
        ],
        "text": [Proof("class Migration", "operations/test_migration_rules.py")],
    },
    "operate-monitoring": {
        "yaml": [Proof("scrape_configs", "operations/test_metrics.py")],
        "json": [Proof("{", "operations/test_logs.py")],
    },
    "operate-upgrading": {
        "console": [Proof("$ git fetch", "faults/operations/test_production.py", MACHINE + "Its commands and units are run.")],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({file.stem for file in FILES} - set(FOLLOWED)))
def test_somebody_runs_every_block(name):
    """Those of ``FOLLOWED`` are run from their beginning to their end by ``test_following.py``."""
    file = README if name == "README" else FOLDER / f"{name}.md"
    proofs = {language: list(told) for language, told in PROOFS.get(name, {}).items()}
    left = Counter(
        {(language, place): each.count for language, told in proofs.items() for place, each in enumerate(told)}
    )
    for language, _, content in blocks(file.read_text()):
        fits = [
            (language, place) for place, each in enumerate(proofs.get(language, [])) if content.startswith(each.begins)
        ]
        open_ones = [one for one in fits if left[one]]
        assert open_ones, f"{name}: who runs this? Say it in PROOFS.\n{content}"
        left[open_ones[0]] -= 1
    assert not +left, f"{name} no longer has {+left}"
    for told in proofs.values():
        assert all((TESTS / each.by).exists() for each in told)


def test_no_fence_is_missed():
    """What the follower takes for a fence is every fence there is."""
    for file in FILES:
        text = file.read_text()
        assert 2 * len(blocks(text)) == sum(line.lstrip(" >").startswith("```") for line in text.splitlines()), (
            file.name
        )
