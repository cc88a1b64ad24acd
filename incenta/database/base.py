"""Django's PostgreSQL engine over the embedded server: it is started when the first connection asks for it.

So importing the settings starts nothing, and a server that was stopped or killed is back at the next connection.
"""

import time
from typing import Any

from django.db.backends.postgresql import base

from incenta.database.embedded import Cluster


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        cluster = Cluster(**self.settings_dict["EMBEDDED"])
        cluster.ensure_running()
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:  # it went between the two: killed, or stopping
            time.sleep(0.1)
            cluster.ensure_running()
            return super().get_new_connection(conn_params)
