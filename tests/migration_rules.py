"""What a migration may do while the product runs: the release before it and the release after it both work on the result, and no
statement of it holds up whoever writes. ``docs/operate-migrations.md`` says how each thing is done instead.

``python -m tests.migrations`` (``make check``) applies the rules to every migration that is not in ``migration_baseline.txt``. It
reads the operations and opens no database. Where a rule does not fit, the migration says why, and names the rule::

    class Migration(migrations.Migration):
        excused = {"drop": "Nothing has read or written the column since 1.4."}

django-migration-linter reads the SQL of one migration instead: it needs a database, cannot see that a foreign key or a check is
validated under a lock, and takes any DEFAULT in the migration for the default of its column.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.contrib.postgres import operations as postgres
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

BASELINE = Path(__file__).with_name("migration_baseline.txt")
ROOMS = ("incenta", "fraud", "incentives", "referrals", "marketplace", "webhooks")
RULES = {
    "not-null": "A new column is null, or has db_default: else the release that still runs cannot insert.",
    "set-not-null": "A column becomes NOT NULL by a check that is added NOT VALID and validated in a later migration.",
    "index": "An index is made and dropped concurrently (AddIndexConcurrently, RemoveIndexConcurrently; atomic = False).",
    "constraint": "A check is added with AddConstraintNotValid, and validated with ValidateConstraint in a later migration; a unique "
    "constraint takes over a unique index that was made concurrently; a foreign key is added NOT VALID.",
    "rename": "Nothing is renamed: add, write both, copy, read the new one, drop the old one, over releases.",
    "drop": "What a release still knows is not dropped: first it leaves the models (state_operations), a release later the database.",
    "type": "The type of a column stays: a rewrite locks the table. Add a column instead, as for a rename.",
    "data": "Rows are moved by a task or a command, in batches; a migration that must do it is atomic = False.",
    "one-way": "RunPython and RunSQL say how they are undone, be it by noop.",
}


@dataclass(frozen=True)
class Fault:
    rule: str
    about: str

    def __str__(self) -> str:
        return f"{self.about} [{self.rule}] {RULES.get(self.rule, '')}".rstrip()


def faults_of(migration: Migration, before: ProjectState) -> list[Fault]:
    """What is wrong with the migration that begins with the state ``before``, less what it excuses."""
    excused = getattr(migration, "excused", {})
    found = list(_each(migration.operations, migration, before.clone(), set()))
    left = [fault for fault in found if fault.rule not in excused]
    for rule, reason in excused.items():
        if rule not in RULES or not reason:
            left.append(Fault("excused", f"There is no rule {rule!r}, or no reason is given."))
        elif rule not in {fault.rule for fault in found}:
            left.append(Fault("excused", f"Nothing here breaks the rule {rule!r}: it needs no excuse."))
    return left


def lint(loader: MigrationLoader | None = None) -> dict[str, list[Fault]]:
    """Every migration of ours that is not in the baseline and breaks a rule: its name to its faults."""
    loader = loader or MigrationLoader(None)
    known = baseline()
    wrong = {}
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if migration.__module__.split(".")[0] not in ROOMS or f"{app}.{name}" in known:
            continue
        if faults := faults_of(migration, loader.project_state((app, name), at_end=False)):
            wrong[f"{app}.{name}"] = faults
    return wrong


def baseline() -> set[str]:
    """The migrations of before the first release: nothing ran while they did."""
    return {line for line in BASELINE.read_text().splitlines() if line and not line.startswith("#")}


# --- the operations --------------------------------------------------------------------------------------------------
def _each(steps: list[Operation], migration: Migration, state: ProjectState, new: set[str]) -> Iterator[Fault]:
    app = migration.app_label
    for step in steps:
        if isinstance(step, operations.SeparateDatabaseAndState):
            yield from _each(step.database_operations, migration, state.clone(), new)
        else:
            table = getattr(step, "model_name_lower", None)
            if table not in new:  # to a table that this migration makes, anything may be done
                yield from _of(step, migration, state)
        if isinstance(step, operations.CreateModel):
            new.add(step.name_lower)
        step.state_forwards(app, state)


def _of(step: Operation, migration: Migration, state: ProjectState) -> Iterator[Fault]:
    about = step.describe()
    match step:
        case postgres.AddIndexConcurrently() | postgres.RemoveIndexConcurrently() | postgres.AddConstraintNotValid():
            pass
        case operations.AddField():
            yield from _of_new_field(step.field, about)
        case operations.AlterField():
            old = state.models[migration.app_label, step.model_name_lower].fields[step.name]
            yield from _of_changed_field(old, step.field, about)
        case operations.AddIndex() | operations.RemoveIndex():
            yield Fault("index", about)
        case operations.AddConstraint() | operations.AlterUniqueTogether() | operations.AlterIndexTogether():
            yield Fault("constraint", about)
        case operations.RenameField() | operations.RenameModel() | operations.AlterModelTable():
            yield Fault("rename", about)
        case operations.RemoveField() | operations.DeleteModel():
            yield Fault("drop", about)
        case operations.RunPython():
            if migration.atomic and step.atomic is not False:
                yield Fault("data", about)
            if not step.reversible:
                yield Fault("one-way", about)
        case operations.RunSQL():
            if not step.reversible:
                yield Fault("one-way", about)
            yield from _of_sql(step.sql)


def _of_new_field(field: models.Field, about: str) -> Iterator[Fault]:
    if field.many_to_many:
        return
    if not field.null and not field.has_db_default() and not getattr(field, "generated", False):
        yield Fault("not-null", about)
    if field.unique or (field.db_index and not field.remote_field):
        yield Fault("index", about)
    if field.remote_field is not None:
        if field.db_constraint:
            yield Fault("constraint", about)
        if field.db_index:
            yield Fault("index", about)


_TYPE = ("max_digits", "decimal_places", "db_collation", "primary_key", "base_field", "size", "prefix")


def _of_changed_field(old: models.Field, new: models.Field, about: str) -> Iterator[Fault]:
    def kind(field: models.Field) -> tuple:
        told = [str(getattr(field, name, None)) for name in _TYPE]
        return field.get_internal_type(), *told, str(getattr(field.remote_field, "model", "")).lower()

    is_shorter = (new.max_length or 1 << 31) < (old.max_length or 1 << 31) and new.get_internal_type() == "CharField"
    if kind(old) != kind(new) or is_shorter:
        yield Fault("type", about)
    if old.null and not new.null:
        yield Fault("set-not-null", about)
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield Fault("index", about)
    if getattr(new, "db_constraint", False) and not getattr(old, "db_constraint", False):
        yield Fault("constraint", about)
    if new.db_column != old.db_column:
        yield Fault("rename", about)


# --- SQL by hand -----------------------------------------------------------------------------------------------------
_SQL = {
    r"\bCREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "index",
    r"\bDROP INDEX (?!CONCURRENTLY)": "index",
    r"\bREINDEX (?!.*CONCURRENTLY)": "index",
    r"\bADD COLUMN\b(?=[^;,]*NOT NULL)(?![^;,]*DEFAULT)": "not-null",
    r"\bSET NOT NULL\b": "set-not-null",
    r"\bADD CONSTRAINT\b(?![^;]*(NOT VALID|USING INDEX))": "constraint",
    r"\bRENAME (COLUMN|TO|CONSTRAINT)\b": "rename",
    r"\bDROP (TABLE|COLUMN|FUNCTION|VIEW|SEQUENCE|TYPE)\b": "drop",
    r"\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": "type",
    r"^\s*(UPDATE|DELETE)\b": "data",
    r"\b(CLUSTER|VACUUM FULL|LOCK TABLE)\b": "data",
}


def _of_sql(sql: str | list | tuple) -> Iterator[Fault]:
    for each in [sql] if isinstance(sql, str) else sql:
        text = each if isinstance(each, str) else each[0]
        made = {name.lower() for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?\"?(\w+)", text, re.IGNORECASE)}
        for statement in filter(None, (part.strip() for part in text.split(";"))):
            statement = re.sub(r"--[^\n]*", "", statement)
            if any(re.search(rf"\b{name}\b", statement, re.IGNORECASE) for name in made):
                continue
            for pattern, rule in _SQL.items():
                if re.search(pattern, statement, re.IGNORECASE | re.DOTALL):
                    yield Fault(rule, " ".join(statement.split())[:90])
