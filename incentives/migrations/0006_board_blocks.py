"""A finer histogram, and its sums by blocks of sixty-four buckets: ranks that are exact below 4,096 without reading scores."""

import django.db.models.deletion
from django.db import migrations, models

BUCKETS = """
CREATE FUNCTION incenta_board_bucket(score bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN score > -4096 AND score < 4096 THEN score::int
    ELSE sign(score::float8)::int * (4096 + floor(4096 * ln(abs(score::float8) / 4096) / ln(2::float8))::int) END
$$;
-- No score of the bucket lies above; some of the next one may lie below.
CREATE FUNCTION incenta_board_bucket_end(bucket int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bucket > -4096 AND bucket < 4096 THEN bucket::bigint
    WHEN bucket > 0 THEN least(4096 * 2 ^ ((bucket - 4095) / 4096::float8) * 1.000001 + 1, 9223372036854774784::float8)::bigint
    ELSE (-4096 * 2 ^ ((-bucket - 4096) / 4096::float8) * 0.999999 + 1)::bigint END
$$;
"""
UNDO_BUCKETS = "DROP FUNCTION incenta_board_bucket_end(int); DROP FUNCTION incenta_board_bucket(bigint)"

_METRICS = ("xp", "coins", "referrals")
RECOUNT = f"""
DELETE FROM incentives_boardbucket;
INSERT INTO incentives_boardbucket (app_id, period, start, metric, bucket, users)
SELECT app_id, period, start, metric, incenta_board_bucket(score), count(*)
FROM incentives_boardscore CROSS JOIN LATERAL (VALUES {", ".join(f"('{m}', {m})" for m in _METRICS)}) v(metric, score)
WHERE visible GROUP BY 1, 2, 3, 4, 5;
INSERT INTO incentives_boardblock (app_id, period, start, metric, block, users)
SELECT app_id, period, start, metric, bucket >> 6, sum(users) FROM incentives_boardbucket GROUP BY 1, 2, 3, 4, 5;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("incentives", "0005_adjustments_and_backfills")]

    operations = [
        migrations.CreateModel(
            name="BoardBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "period",
                    models.CharField(
                        choices=[("A", "all"), ("D", "daily"), ("W", "weekly"), ("M", "monthly")], max_length=1
                    ),
                ),
                ("start", models.DateField()),
                ("metric", models.CharField(max_length=9)),
                ("block", models.IntegerField()),
                ("users", models.BigIntegerField(default=0)),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.app",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="boardblock",
            constraint=models.UniqueConstraint(
                fields=("app", "period", "start", "metric", "block"), name="board_block_once"
            ),
        ),
        migrations.RunSQL(BUCKETS, UNDO_BUCKETS),
        migrations.RunSQL(RECOUNT, migrations.RunSQL.noop),
        # counts change with every fold, and no index holds them: room for the new version on the same page
        migrations.RunSQL(
            "ALTER TABLE incentives_boardbucket SET (fillfactor = 70); ALTER TABLE incentives_boardblock SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
    ]
