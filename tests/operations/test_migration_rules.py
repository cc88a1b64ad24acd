"""The linter of migrations finds what would hold the product up, and lets pass what does not."""

import re

import pytest
from django.contrib.postgres import operations as postgres
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from tests import migration_rules


def state() -> ProjectState:
    made = ProjectState()
    made.add_model(
        ModelState(
            "shop",
            "Sale",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("amount", models.IntegerField()),
                ("note", models.CharField(max_length=20)),
                ("code", models.CharField(max_length=20, null=True)),
                ("of", models.ForeignKey("shop.Sale", models.CASCADE, db_constraint=False, db_index=False, null=True)),
            ],
        )
    )
    return made


def faults(*steps, atomic=True, excused=None) -> list[str]:
    migration = type("Migration", (migrations.Migration,), {"operations": list(steps), "atomic": atomic})(
        "0002_x", "shop"
    )
    if excused:
        migration.excused = excused
    return [fault.rule for fault in migration_rules.faults_of(migration, state())]


def add(field: models.Field) -> migrations.AddField:
    return migrations.AddField("sale", "more", field)


def alter(name: str, field: models.Field) -> migrations.AlterField:
    return migrations.AlterField("sale", name, field)


INDEX = models.Index(fields=["amount"], name="sale_amount")
CHECK = models.CheckConstraint(condition=models.Q(amount__gt=0), name="amount_over_zero")
UNIQUE = models.UniqueConstraint(fields=["code"], name="code_once")


def forwards(apps, schema_editor) -> None:
    pass


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        (add(models.IntegerField(default=0)), "not-null"),
        (add(models.IntegerField(null=True, unique=True)), "index"),
        (add(models.IntegerField(null=True, db_index=True)), "index"),
        (add(models.ForeignKey("shop.Sale", models.CASCADE, null=True, db_index=False)), "constraint"),
        (add(models.ForeignKey("shop.Sale", models.CASCADE, null=True, db_constraint=False)), "index"),
        (alter("code", models.CharField(max_length=20)), "set-not-null"),
        (alter("amount", models.BigIntegerField()), "type"),
        (alter("note", models.CharField(max_length=10)), "type"),
        (alter("note", models.CharField(max_length=20, db_collation="C")), "type"),
        (alter("note", models.CharField(max_length=20, db_index=True)), "index"),
        (alter("note", models.CharField(max_length=20, db_column="words")), "rename"),
        (alter("of", models.ForeignKey("shop.Sale", models.CASCADE, db_index=False, null=True)), "constraint"),
        (migrations.AddIndex("sale", INDEX), "index"),
        (migrations.AddConstraint("sale", CHECK), "constraint"),
        (migrations.AddConstraint("sale", UNIQUE), "constraint"),
        (migrations.RenameField("sale", "note", "words"), "rename"),
        (migrations.RenameModel("Sale", "Order"), "rename"),
        (migrations.AlterModelTable("sale", "orders"), "rename"),
        (migrations.RemoveField("sale", "note"), "drop"),
        (migrations.DeleteModel("Sale"), "drop"),
        (migrations.RunPython(forwards, migrations.RunPython.noop), "data"),
        (migrations.RunSQL("CREATE INDEX sale_amount ON shop_sale (amount)", "SELECT 1"), "index"),
        (migrations.RunSQL("ALTER TABLE shop_sale ADD COLUMN more int NOT NULL", "SELECT 1"), "not-null"),
        (migrations.RunSQL("ALTER TABLE shop_sale ALTER COLUMN code SET NOT NULL", "SELECT 1"), "set-not-null"),
        (migrations.RunSQL("ALTER TABLE shop_sale ADD CONSTRAINT c CHECK (amount > 0)", "SELECT 1"), "constraint"),
        (migrations.RunSQL("ALTER TABLE shop_sale RENAME COLUMN note TO words", "SELECT 1"), "rename"),
        (migrations.RunSQL("ALTER TABLE shop_sale DROP COLUMN note", "SELECT 1"), "drop"),
        (migrations.RunSQL("ALTER TABLE shop_sale ALTER COLUMN amount TYPE bigint", "SELECT 1"), "type"),
        (migrations.RunSQL("UPDATE shop_sale SET note = ''", "SELECT 1"), "data"),
        (migrations.RunSQL([("UPDATE shop_sale SET note = %s", ["x"])], "SELECT 1"), "data"),
        (migrations.RunSQL("SELECT 1"), "one-way"),
    ],
)
def test_what_would_hold_the_product_up_is_found(step, rule):
    assert faults(step) == [rule]


@pytest.mark.parametrize(
    "step",
    [
        add(models.IntegerField(null=True)),
        add(models.IntegerField(default=0, db_default=0)),
        alter("note", models.CharField(max_length=200, help_text="What was said.")),
        alter("amount", models.IntegerField(null=True)),
        alter("note", models.CharField(max_length=20, db_default="")),
        postgres.AddIndexConcurrently("sale", INDEX),
        postgres.AddConstraintNotValid("sale", CHECK),
        postgres.ValidateConstraint("sale", "amount_over_zero"),
        migrations.AlterModelOptions("sale", {"verbose_name": "a sale"}),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("sale", "note")]),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY sale_amount ON shop_sale (amount)", "SELECT 1"),
        migrations.RunSQL("ALTER TABLE shop_sale ADD CONSTRAINT c CHECK (amount > 0) NOT VALID", "SELECT 1"),
        migrations.RunSQL("CREATE TABLE made (id int); CREATE INDEX made_id ON made (id)", "SELECT 1"),
        migrations.RunPython(forwards, migrations.RunPython.noop, atomic=False),
    ],
)
def test_what_does_not_passes(step):
    assert faults(step) == []


def test_to_a_table_that_the_migration_makes_anything_may_be_done():
    made = migrations.CreateModel("Receipt", [("id", models.BigAutoField(primary_key=True))])
    number = migrations.AddField("receipt", "number", models.IntegerField(default=0))
    assert faults(made, number, migrations.AddIndex("receipt", models.Index(fields=["number"], name="n"))) == []


def test_what_stands_beside_the_state_is_looked_at():
    drop = migrations.RunSQL("ALTER TABLE shop_sale DROP COLUMN note", migrations.RunSQL.noop)
    assert faults(migrations.SeparateDatabaseAndState(database_operations=[drop])) == ["drop"]


def test_an_excuse_names_the_rule_and_the_reason_and_is_needed():
    drop = migrations.RemoveField("sale", "note")
    assert faults(drop, excused={"drop": "It left the models in 1.4."}) == []
    assert faults(drop, excused={"drop": ""}) == ["excused"]
    assert faults(drop, excused={"type": "By mistake."}) == ["drop", "excused"]


def test_the_document_shows_what_is_said_and_what_excuses():
    text = (migration_rules.BASELINE.parents[1] / "docs" / "operate-migrations.md").read_text()
    steps = [add(models.IntegerField(default=0)), migrations.AddIndex("sale", INDEX)]
    more = type("Migration", (migrations.Migration,), {"operations": steps})("0002_more", "shop")
    said = [str(fault) for fault in migration_rules.faults_of(more, state())]
    assert len(said) == 2 and all(f"    {line}\n" in text for line in said), said
    [program] = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    names = {"migrations": migrations}
    exec(program, names)
    assert faults(migrations.RemoveField("sale", "note"), excused=names["Migration"].excused) == []


def test_the_baseline_names_migrations_that_there_are():
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    assert migration_rules.baseline() <= known
