"""What a test that commits leaves behind is removed from the tables that hold something, in one statement.

Django truncates every table after each such test (a hundred tables: some hundred files made and removed) and makes all
content types and permissions anew. That took longer than most of these tests.
"""

from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

KEPT = ("django_migrations", "django_content_type", "auth_permission")
"""What migrating fills, and nothing but migrating changes."""

# Waits for whoever still writes, as truncating would. Rows go without asking triggers (some tables take no DELETE) and foreign
# keys (all of them go). What has grown is truncated, so that no test inherits a table full of dead rows.
_EMPTY = f"""
DO $$
DECLARE found name; is_filled boolean; names name[];
BEGIN
  SELECT array_agg(relname ORDER BY relname) INTO names FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname NOT IN {KEPT};
  EXECUTE 'LOCK TABLE ' || (SELECT string_agg(format('%I', each), ', ') FROM unnest(names) AS each);
  SET LOCAL session_replication_role = replica;
  FOREACH found IN ARRAY names LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', found) INTO is_filled;
    IF is_filled AND pg_relation_size(found::regclass) > 262144 THEN
      EXECUTE format('TRUNCATE %I CASCADE', found);
    ELSIF is_filled THEN
      EXECUTE format('DELETE FROM %I', found);
    END IF;
  END LOOP;
END $$
"""


def empty(*_: TransactionTestCase) -> None:
    """Removes every row but those. Also for fixtures that commit what a whole module reads."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            # Of two who wait for each other PostgreSQL ends one. It may be this one, where a page's last request is still at work, and
            # would leave everything to the next test.
            for is_last in (False, False, False, True):
                try:
                    return cursor.execute(_EMPTY)
                except OperationalError as error:
                    if is_last or not isinstance(error.__cause__, DeadlockDetected):
                        raise
    call_command("flush", verbosity=0, interactive=False)  # on somebody's own server we may not pass by the triggers


TransactionTestCase._fixture_teardown = empty
