"""What was dumped comes back: every row, every ledger to the penny, and a feed that goes on after its last event."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from fraud import attachments
from fraud.models import Attachment
from incenta.database import programs, sql
from incenta.events import feed_offset
from incenta.events.models import Event
from incenta.management import backups
from incentives.models import LedgerCheck
from tests.fraud.files import PDF
from tests.fraud.test_attachments import flagged
from tests.operations import shown
from tests.webhooks.test_feed import follow

FAR = 1_000_000_000


def ask(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def set_offset(offset: int) -> None:
    sql.row("SELECT setval('incenta_feed_offset', %(offset)s::bigint)", {"offset": offset})


@contextmanager
def elsewhere() -> Iterator[None]:
    with backups.in_fresh_database(f"test_elsewhere_{secrets.token_hex(4)}"):
        yield


@pytest.fixture
def shop(transactional_db, himal):
    """A day of business, with a suspicion and a file beside it, as a cluster saw it whose transaction ids were a milliard further on."""
    code = himal.code(himal.campaign(rewardModel="FIXED", rewardValue=5, fulfillmentType="COINS"), "asha")
    himal.convert(code, "bikram", 49.99)
    attachments.add(himal.app, flagged(himal).pk, [("invoice.pdf", PDF)], actor="user:1")
    Event.objects.update(position=F("position") + FAR)
    yield himal
    set_offset(0)


@pytest.fixture
def dump(shop, tmp_path) -> Path:
    ask("backup", tmp_path / "a.dump")
    return tmp_path / "a.dump"


def test_a_drill_restores_compares_and_leaves_nothing_behind(shop):
    databases = "SELECT datname FROM pg_database WHERE datname LIKE 'incenta_drill%%'"
    told = ask("restore_drill")

    assert "all ok" in told and "the offset was raised from 0 to" in told
    assert told.endswith("ok: this backup can be relied on.\n")
    assert sql.rows(databases) == []


def test_restored_into_another_cluster_the_feed_goes_on_after_its_last_event(shop, dump):
    """The fault that this guards against: transaction ids start low again, and new events would come before old ones."""
    seen = list(Event.objects.filter(app=shop.app).order_by("position", "id").values_list("pk", flat=True))
    held = json.loads(backups.manifest_of(dump).read_text())
    assert held["feed"]["last"] > FAR
    with elsewhere():
        assert backups.restore(dump, held) == []
        assert feed_offset.is_behind(), "/readyz and /metrics say so until it is mended"
        settled = backups.settle(held)

        assert settled.ok and not feed_offset.is_behind()
        assert settled.feed.before == 0 and settled.feed.after > 0
        assert backups.settle(held).feed.after == settled.feed.after, "once more changes nothing"
        assert LedgerCheck.objects.filter(ok=True).count() == settled.ledgers > 0
        shop.code(shop.campaign(), "chandra")
        there = list(Event.objects.filter(app=shop.app).order_by("position", "id").values_list("pk", flat=True))
        assert there[: len(seen)] == seen and len(there) > len(seen)
        new = there[len(seen) :]
        assert follow(shop, after=seen[-1], count=len(new)) == new, "who follows the feed misses nothing"
        assert follow(shop, count=len(there)) == there


def test_the_command_restores_to_where_the_product_may_be_started(dump):
    with elsewhere():
        told = ask("restore", dump)
        document = shown.output_of("operate-backups.md", "restore /var/backups/incenta/2026-11-23T0300Z.dump")
        assert shown.plain(told) == shown.plain(document)
        assert told.endswith("ok: the product may be started.\n")
        file = Attachment.objects.get()
        assert attachments.opened(file.app, file.case_id, file.pk, actor="user:1")[1] == PDF
        assert "was high enough" in ask("after_restore")


def test_a_ledger_that_does_not_add_up_is_no_success(shop, dump):
    with elsewhere():
        ask("restore", dump)
        sql.execute("ALTER TABLE incentives_wallet DISABLE TRIGGER ALL")
        sql.execute("UPDATE incentives_wallet SET coins = coins + 1")

        with pytest.raises(CommandError, match="do not add up"):
            ask("after_restore")
        assert not LedgerCheck.objects.get(app=shop.app).ok


def test_what_is_not_as_it_was_dumped_is_told(shop, dump):
    manifest = backups.manifest_of(dump)
    held = json.loads(manifest.read_text())
    held["rows"]["referrals_conversion"] += 1
    manifest.write_text(json.dumps(held))
    with elsewhere(), pytest.raises(CommandError, match="referrals_conversion has 2 rows and should have 3"):
        ask("restore", dump)


def test_a_damaged_file_is_not_restored(dump):
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    with elsewhere():
        with pytest.raises(CommandError, match="damaged"):
            ask("restore", dump)
        assert sql.row("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")[0] == 0


def test_nothing_is_restored_over_something(dump):
    with pytest.raises(CommandError, match="is not empty"):
        ask("restore", dump)


def test_a_backup_overwrites_none(dump):
    with pytest.raises(CommandError, match="a name of its own"):
        ask("backup", dump)
    assert dump.stat().st_mode & 0o077 == 0, "it holds everything: nobody else reads it"


def test_through_a_pooler_nothing_is_dumped(shop, tmp_path, settings):
    settings.DATABASE_POOLED = True
    with pytest.raises(CommandError, match="name the server itself"):
        ask("backup", tmp_path / "a.dump")
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_too_old_for_the_server_is_not_taken():
    with pytest.raises(programs.ProgramMissing, match="PostgreSQL 99 or newer"):
        programs.find("pg_dump", 99)
