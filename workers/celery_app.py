"""The Celery application for a fleet and a laptop: `celery -A workers.celery_app worker`.

SQS does the retrying, so Celery must neither acknowledge a failed task nor retry one, and it has no result backend.
"""

import random
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from celery.signals import setup_logging
from celery.worker.consumer import Consumer

from domain.jobs import QUEUE_OF, TASK_OF, Stage, Transient, backoff_s
from infra import heartbeat, logs, production, queue, settings, telemetry
from infra.messages import Unreadable, message_from
from workers.work import deliver

_LONG_POLL_S = 10
# A worker takes the messages of both, so either permits both: who is next does not wait for a batch of the other queue.
_OTHER: dict[Stage, Stage] = {"scoring": "generating", "generating": "scoring"}
# More than one message a receive: one by one a worker does a third less (docs/performance.md).
_PREFETCH = 4


class KeepingConsumer(Consumer):  # type: ignore[misc]  # Celery is untyped
    """Leaves a message it cannot decode on the queue, where SQS moves it to the dead letters. Celery deletes it."""

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        logs.error("message_unreadable", error=type(exc).__name__)
        message.reject(requeue=False)

    def start(self) -> None:
        """Beats for as long as the loop turns that takes messages and runs them."""
        heartbeat.beat()
        if self.hub is not None:
            self.hub.call_repeatedly(heartbeat.PERIOD_S, heartbeat.beat)
        super().start()


@setup_logging.connect  # type: ignore[untyped-decorator]
def _watched(**_: object) -> None:
    """Instead of Celery's own lines, which hold arguments and exceptions' texts."""
    telemetry.begin("worker")


def create_app() -> Celery:
    """Queues and their URLs come from the environment; nothing is read before this is called."""
    production.refuse("worker")
    work_queues = sorted(set(QUEUE_OF.values()))
    urls = settings.queues().urls
    made = Celery("ffp", set_as_current=False)
    made.conf.update(
        broker_url=_broker_url(),
        broker_transport="workers.transport:Transport",
        broker_transport_options={
            "region": settings.queues().region,
            "predefined_queues": {name: {"url": urls[name]} for name in work_queues},
            "sqs_base64_encoding": False,
            "body_encoding": None,
            "wait_time_seconds": _LONG_POLL_S,
            "polling_interval": 0,
            "visibility_timeout": int(settings.visibility_s()),
        },
        broker_connection_retry_on_startup=True,
        task_queues=None,
        task_default_queue=work_queues[0],
        task_create_missing_queues=True,
        task_routes={TASK_OF[stage]: {"queue": queue_name} for stage, queue_name in QUEUE_OF.items()},
        task_acks_late=True,
        task_acks_on_failure_or_timeout=False,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=_PREFETCH,
        worker_consumer=KeepingConsumer,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
    )
    for stage, name in TASK_OF.items():
        made.task(name=name, bind=True, ignore_result=True)(_task_of(stage))
    return made


def _broker_url() -> str:
    endpoint = settings.queues().endpoint_url
    return "sqs://" if endpoint is None else f"sqs://{endpoint.partition('://')[2].rstrip('/')}"


def _task_of(stage: Stage) -> Any:
    def run(self: Task, job_id: str = "") -> None:
        _run(self, TASK_OF[stage], job_id)

    run.__name__ = stage
    return run


def _run(task: Task, name: str, job_id: str) -> None:
    """Deliver the message. Where it is not done with it stays on the queue: `Reject` is Celery's word for that on a
    queue with a redrive policy, and keeps Celery from printing the exception, whose text may hold a row.
    """
    delivery = (task.request.properties or {}).get("delivery_info", {})
    received = delivery.get("sqs_message", {})
    count = int(received.get("Attributes", {}).get("ApproximateReceiveCount", 1))
    pause = backoff_s(count, random.random())  # noqa: S311 # nosec B311 # spreads retries
    try:
        message = message_from(name, task.request.id, job_id, task.request.get("ffp"))
        deliver(message, _OTHER.get(message.stage))
    except Unreadable:
        logs.error("message_unreadable", task=name)
    except Transient as error:
        pause = error.retry_in or pause
    except Exception as error:  # noqa: BLE001 - recorded by `deliver`
        logs.warning("delivery_failed", error=type(error).__name__)
    else:
        return
    finally:
        logs.clear()
    if received:
        queue.delay(delivery["sqs_queue"], received["ReceiptHandle"], pause)
    raise Reject(requeue=False)


app = create_app()
