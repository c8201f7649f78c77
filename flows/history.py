"""What an earlier `serve` left in Prefect's history: runs that nobody runs any more, publications that were missed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from green_logic.commands import say
from green_logic.errors import GreenLogicError
from green_logic.publication import Order, find_steps, last_published
from green_logic.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, StateType

CATCH_UP = "catch-up-"  # and the time: a run that makes up for missed ones, until it takes the flow's own name
PAGE = 200  # runs that the API gives in one answer, at most


@dataclass(frozen=True)
class Stay:
    """One `serve` on one ledger: there is no other, so a run of its that began before it has ended."""

    settings: Settings
    tag: str
    began: float  # seconds since 1970


def end_stale_runs(client: SyncPrefectClient, stay: Stay) -> None:
    """Note as Crashed what an earlier `serve` of this ledger ran when it was killed.

    Prefect itself shows such a run as RUNNING for ever, and keeps the slot of the publication for minutes.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags  # noqa: PLC0415  it takes seconds
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415  same
    from prefect.states import Crashed  # noqa: PLC0415  same

    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"serve-{stay.tag}"]))
    stale = _runs(client, ours, [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING], stay.began)
    for run in stale:
        message = "The serve that ran it was killed. What is recorded stays, and the rest is taken up."
        client.set_flow_run_state(run.id, Crashed(message=message), force=True)
        say(f"{run.name}: cut short by the end of an earlier serve, now Crashed in Prefect's history", file=sys.stderr)


def catch_up(client: SyncPrefectClient, order: Order) -> None:
    """Order one publication now if one was missed while nothing ran, however many were.

    Prefect would take up each of the missed runs that it had planned, and forgets them if its database is new.
    """
    from prefect.client.schemas.filters import (  # noqa: PLC0415  it takes seconds
        FlowRunFilter,
        FlowRunFilterDeploymentId,
    )
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415  same
    from prefect.states import Cancelled  # noqa: PLC0415  same

    deployment = client.read_deployment_by_name("export-and-archive/publish")
    now = datetime.now(UTC)
    planned = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]))
    for run in _runs(client, planned, [StateType.SCHEDULED], now.timestamp()):
        if run.auto_scheduled or run.name.startswith(CATCH_UP):  # not what an operator ordered
            message = "Missed while nothing ran; one publication makes up for all."
            client.set_flow_run_state(run.id, Cancelled(message=message), force=True)
    try:
        last = last_published(order)
    except GreenLogicError:
        last = None  # a ledger that cannot be read: that is for the publication to say
    schedules = [one.schedule for one in deployment.schedules if one.active]
    if deployment.paused or not schedules or not _has_ledger(order) or not is_missed(schedules[0], last, now):
        return
    age = "there is no publication yet" if last is None else f"last publication is {in_words(now - last)} old"
    say(f"{age}: doing it now", file=sys.stderr)
    client.create_flow_run_from_deployment(deployment.id, name=f"{CATCH_UP}{now:%Y-%m-%dT%H%M%SZ}")


def _has_ledger(order: Order) -> bool:
    try:
        return bool(find_steps(order))
    except GreenLogicError:
        return True  # it is lost: that is for the publication to say


def is_missed(schedule: Any, last: datetime | None, now: datetime) -> bool:
    """Whether the schedule had a time between the last publication and now."""
    from prefect.server.schemas.schedules import CronSchedule  # noqa: PLC0415  the client's own cannot count

    if last is None:
        return True
    if hasattr(schedule, "interval"):
        return bool(last + schedule.interval <= now)
    counted = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    return any(due <= now for due in asyncio.run(counted.get_dates(n=1, start=last + timedelta(seconds=1))))


def in_words(age: timedelta) -> str:
    """An age as people say it."""
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} d"


def _runs(client: SyncPrefectClient, chosen: Any, states: list[StateType], before: float) -> list[FlowRun]:
    """The chosen flow runs in one of these states that were to start before a time."""
    from prefect.client.schemas.filters import (  # noqa: PLC0415  it takes seconds
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )

    chosen.state = FlowRunFilterState(type=FlowRunFilterStateType(any_=states))
    begun = {"before_": datetime.fromtimestamp(before, UTC)}
    chosen.expected_start_time = FlowRunFilterExpectedStartTime.model_validate(begun)
    return client.read_flow_runs(flow_run_filter=chosen, limit=PAGE)
