"""Wakes a worker after a commit, without the committer waiting for the broker or hearing of its troubles.

A broker that hangs would hold up whoever publishes to it for minutes. So one daemon thread a process does the publishing:
a ring only sets a flag for it. A ring that is lost costs the wait until beat's next sweep, nothing more.
"""

import logging
import os
import threading
import time

from django.utils.module_loading import import_string

logger = logging.getLogger("incenta.events.doorbell")

PAUSE_S = 0.2
"""Between two publications; what rings meanwhile is told by the next one."""
TIMEOUTS = {"socket_timeout": 1, "socket_connect_timeout": 1, "read_timeout": 1, "write_timeout": 1, "max_retries": 0}
"""Redis reads the first two, AMQP the next two. Set here too, for a worker has none for its own waiting."""


class Doorbell:
    """Rings for one Celery task, named because the ground does not know the tasks of the rooms above.

    ``broker``: its URL, where it is not the one of the settings.
    """

    def __init__(self, task: str, *, broker: str | None = None):
        self.task = task
        self.broker = broker
        self.published = 0
        self.errors = 0
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def ring(self) -> None:
        """Returns at once and raises nothing."""
        self._rung.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._answer, name=f"doorbell {self.task}", daemon=True)
                    self._thread.start()

    def _forget(self) -> None:
        """A forked child has neither the thread nor a lock that it can trust."""
        self._rung = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def _answer(self) -> None:
        while True:
            self._rung.wait()
            self._rung.clear()
            try:
                self._publish()
                self.published += 1
            except Exception as error:
                self.errors += 1
                logger.warning("the broker did not take a ring for %s: %s", self.task, error)
            time.sleep(PAUSE_S)

    def _publish(self) -> None:
        app = import_string("incenta.celery.app")  # by name: it is the roof, and this is the ground
        # a connection of its own: pooled ones go stale when the broker restarts, and are shared with a forked parent
        with app.connection_for_write(self.broker, connect_timeout=1, transport_options=TIMEOUTS) as connection:
            app.send_task(self.task, connection=connection, retry=False, ignore_result=True, expires=10)
