import asyncio
import signal

from django.core.management.base import BaseCommand

from webhooks.pump import SLOTS, Pump


class Command(BaseCommand):
    help = "Sends webhooks until it is told to stop (SIGTERM, Ctrl-C); then finishes what is out. Needs no broker."

    def add_arguments(self, parser):
        parser.add_argument("--slots", type=int, default=SLOTS, help="Requests at a time.")

    def handle(self, *args, slots: int, **options):
        pump = Pump(slots=slots)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: pump.stop())
        asyncio.run(pump.run())
