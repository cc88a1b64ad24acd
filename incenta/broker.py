"""Kombu's filesystem transport with whole messages only: Celery's broker where ``CELERY_BROKER_URL`` is not set.

Kombu's own lets a reader take a file that is still being written, and moves each through the machine's temporary folder,
which may be another file system. Here a message appears, and is taken, by one rename inside the folder.

And a repair of kombu's Redis transport, see :func:`forgive_lost_acknowledgements`, and of its patience, see
:class:`WorkersConnection`.
"""

import os
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any
from uuid import uuid4

import kombu
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:
        name = f"{time_ns()}_{uuid4().hex}.{queue}.msg"
        unfinished = Path(self.data_folder_out, f".{name}.part")
        unfinished.write_text(dumps(payload))
        unfinished.rename(Path(self.data_folder_out, name))

    def _get(self, queue: str) -> Any:
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.startswith(".") or name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = Path(self.data_folder_in, f".{name}.taken")
            try:
                Path(self.data_folder_in, name).rename(taken)
            except FileNotFoundError:  # another worker was faster
                continue
            text = taken.read_text()
            taken.unlink()
            return loads(text)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        # A worker waits in here for two seconds at a time, deaf to a signal to stop.
        super().drain_events(connection, timeout=timeout and min(timeout, 0.5))


class WorkersConnection(kombu.Connection):
    """Asks for a broker that is away every two seconds. Kombu's own pauses grow to thirty, for which all would wait once it is back."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> kombu.Connection:
        return super().ensure_connection(*args, **({"interval_step": 0} | kwargs))


def prepare(folder: Path, *, empty: bool = False) -> dict[str, Any]:
    """Makes the broker's folder and answers kombu's transport options for it.

    ``empty`` drops what an earlier run left: every task follows from rows, so a message that is lost is rung again.
    """
    messages = folder / "messages"
    messages.mkdir(parents=True, exist_ok=True)
    if empty:
        for file in messages.iterdir():
            file.unlink(missing_ok=True)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(folder / "control"),
        # Seconds a waiting task may lie before an idle worker looks.
        "polling_interval": 0.05,
    }


def forgive_lost_acknowledgements() -> None:
    """Keeps a worker on Redis from going deaf for ever when Redis dies under it.

    Kombu takes a message whose acknowledgement Redis did not hear for one that is still being worked on. Once all that may
    be prefetched is lost so, the worker stops listening, and cannot notice that its connection is gone (celery/celery#8091).
    The message itself is a bell, so it does not matter what becomes of it.
    """
    from kombu.transport import redis

    class QoS(redis.QoS):
        def ack(self, delivery_tag: str) -> None:
            try:
                super().ack(delivery_tag)
            finally:
                self._quick_ack(delivery_tag)

    redis.Channel.QoS = QoS
