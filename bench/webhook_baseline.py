"""What webhooks are measured against: a Celery task per delivery, with the ORM and ``requests``, as most systems do it.

The broker is in memory and publishing is not counted, both in its favour. ``python -m bench.webhook_baseline`` sends what is
pending with sixteen threads and prints how many seconds it took.
"""

import os
import threading
import time

from bench import installation

THREADS = 16


def main() -> None:
    installation.HOME = installation.HOME / "webhooks"
    installation.enter()
    os.environ["CELERY_BROKER_URL"] = "memory://"  # Celery reads it before what it is told here
    import requests
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from django.db import connection
    from django.utils import timezone

    from webhooks import signing
    from webhooks.models import WebhookAttempt, WebhookDelivery
    from webhooks.models.secret import in_signing_order
    from webhooks.queue import _reveal

    app = Celery("baseline", broker="memory://", backend="cache+memory://")
    app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
    left, finished = [0], threading.Event()
    lock = threading.Lock()

    @app.task(name="deliver")
    def deliver(delivery_id: str) -> None:
        delivery = WebhookDelivery.objects.select_related("message", "endpoint").get(pk=delivery_id)
        secrets = delivery.endpoint.secrets.live().order_by("created_at").values_list("is_primary", "sealed")
        primary, *others = in_signing_order([(is_primary, _reveal(sealed)) for is_primary, sealed in secrets])
        body = bytes(delivery.message.body)
        headers = signing.headers(
            message_id=delivery.message_id, event=delivery.type, attempt=delivery.sends + 1, timestamp=int(time.time()),
            body=body, primary=primary, others=others,
        )  # fmt: skip
        started = time.perf_counter()
        answer = requests.post(delivery.endpoint.url, data=body, headers=headers, timeout=15)
        took = int((time.perf_counter() - started) * 1000)
        WebhookAttempt.objects.create(
            app_id=delivery.app_id, delivery=delivery, n=delivery.sends + 1, ended_at=timezone.now(), url=delivery.endpoint.url,
            status=answer.status_code, ms=took, request_headers=headers, response_headers=dict(answer.headers),
        )  # fmt: skip
        delivery.sends += 1
        delivery.state, delivery.last_status, delivery.done_at = "delivered", answer.status_code, timezone.now()
        delivery.save(update_fields=["sends", "state", "last_status", "done_at"])
        with lock:
            left[0] -= 1
            if not left[0]:
                finished.set()

    ids = list(WebhookDelivery.objects.filter(state="pending").values_list("pk", flat=True))
    left[0] = len(ids)
    for delivery_id in ids:
        deliver.delay(delivery_id)
    started = time.perf_counter()
    with start_worker(app, pool="threads", concurrency=THREADS, perform_ping_check=False):
        finished.wait(300)
        print(time.perf_counter() - started, flush=True)
    connection.close()


if __name__ == "__main__":
    main()
