"""Settlement entries are never changed and never deleted: what was owed wrongly is returned by an entry of its own."""

from django.db import migrations

DO = """
CREATE FUNCTION marketplace_settlement_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'settlement entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER settlement_is_append_only BEFORE UPDATE OR DELETE ON marketplace_settlemententry
    FOR EACH ROW EXECUTE FUNCTION marketplace_settlement_is_append_only();
"""
UNDO = """
DROP TRIGGER settlement_is_append_only ON marketplace_settlemententry;
DROP FUNCTION marketplace_settlement_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]

    operations = [migrations.RunSQL(DO, UNDO)]
