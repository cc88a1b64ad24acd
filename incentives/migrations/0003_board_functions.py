"""How boards are cut: the first day of a window, and the bucket of a score in the histogram (exact below 256, then 256 an octave)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("incentives", "0002_engine")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION incenta_rank_bucket(score bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
              SELECT CASE WHEN score < 0 THEN -1 WHEN score < 256 THEN score::int
                ELSE 256 + floor(256 * ln(score / 256.0::float8) / ln(2::float8))::int END
            $$;
            CREATE FUNCTION incenta_window_start(period text, day date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
              SELECT CASE period WHEN 'D' THEN day WHEN 'W' THEN date_trunc('week', day::timestamp)::date
                WHEN 'M' THEN date_trunc('month', day::timestamp)::date ELSE date '0001-01-01' END
            $$;
            """,
            "DROP FUNCTION incenta_window_start(text, date); DROP FUNCTION incenta_rank_bucket(bigint)",
        ),
    ]
