"""When Prefect repeats a step, the same for every flow: the world failed, not the battle and not the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect.tasks import exponential_backoff

from green_logic.errors import RetryableError
from green_logic.retries import RETRY_JITTER

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

    from green_logic.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


def is_retryable(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed step may be repeated."""
    return isinstance(state.result(raise_on_failure=False), RetryableError)


def with_retries(step: Task[P, R], settings: Settings) -> Task[P, R]:
    """A task with the retries of the settings: exponential backoff with jitter."""
    return step.with_options(
        retries=settings.retries,
        retry_delay_seconds=exponential_backoff(settings.retry_delay_s),
        retry_jitter_factor=RETRY_JITTER,
    )
