"""The runner of `serve`: both flows as deployments of one ledger, run by schedule and on request."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flows.history import Stay, catch_up, end_stale_runs
from flows.server import ledger_tag, wait_for_api
from green_logic.commands import BAD, GOOD, say
from green_logic.commands.serve import CRON, PLACES, order_of
from green_logic.errors import ConfigurationError
from green_logic.publication import Order
from green_logic.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.runner import Runner

REFUSALS = frozenset({401, 403, 404, 405})  # no use in asking again: no key, or no Prefect


def keep_deployments(options: argparse.Namespace, settings: Settings) -> int:
    """Register both deployments and run what they are asked for, for ever.

    Raises ConfigurationError when the schedule, the server or what is registered there is at fault.
    """
    import httpx  # noqa: PLC0415  these two take seconds, and this process needs them alone
    import prefect  # noqa: PLC0415

    try:
        deployments = make_deployments(options, settings)
    except ValueError as error:
        raise ConfigurationError(f"Prefect refuses this schedule: {error}", hint="green-logic serve --help") from error
    if not wait_for_api(os.environ["PREFECT_API_URL"], options.patience):
        return BAD
    lost = (httpx.HTTPError, prefect.exceptions.PrefectException, RuntimeError)
    try:
        runner = register(deployments, Stay(settings, ledger_tag(settings), options.began), order_of(options, settings))
    except (httpx.HTTPStatusError, ValueError) as error:
        return _hear(error)
    except lost as error:
        return _lose(error)
    try:
        asyncio.run(runner.start())
    except lost as error:
        return _lose(error)
    return GOOD


def register(deployments: Sequence[Any], stay: Stay, order: Order) -> Runner:
    """A runner whose deployments the server knows, after what an earlier serve left is put in order."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415  as above
    from prefect.runner import Runner  # noqa: PLC0415  as above
    from prefect.settings import get_current_settings  # noqa: PLC0415  as above

    # its working files go to a folder that has one name for all users of a machine, and the first of them owns it
    tempfile.tempdir = str(get_current_settings().home)
    # not paused at shutdown: the server ends too, and a pause would outlive a kill of this process
    runner = Runner(pause_on_shutdown=False)
    with get_client(sync_client=True) as client:
        for deployment in deployments:
            check_name(client, deployment)
        for deployment in deployments:
            runner.add_deployment(deployment)
        end_stale_runs(client, stay)
        catch_up(client, order)
    return runner


def make_deployments(options: argparse.Namespace, settings: Settings) -> Sequence[Any]:
    """Both flows as deployments of this ledger. Raises ValueError for a schedule that Prefect does not take."""
    from prefect.client.schemas.objects import (  # noqa: PLC0415
        ConcurrencyLimitConfig,
        ConcurrencyLimitStrategy,
    )
    from prefect.schedules import Cron, Interval  # noqa: PLC0415
    from prefect.types.entrypoint import EntrypointType  # noqa: PLC0415

    from flows.battles import evaluate_battles  # noqa: PLC0415
    from flows.publish import export_and_archive  # noqa: PLC0415

    zone, place = options.timezone, {"data_dir": str(settings.data_dir.resolve())}
    schedule = (
        Interval(options.interval, timezone=zone) if options.interval else Cron(options.cron or CRON, timezone=zone)
    )
    # not those of the settings: a parameter is shown on Prefect's page, and its default is the setting
    targets = {name: getattr(options, name) for name in (*PLACES, "skip")}
    # by module path: a file path would make Prefect load flows/x.py a second time, as a module x
    common: dict[str, Any] = {"tags": [f"serve-{ledger_tag(settings)}"], "entrypoint_type": EntrypointType.MODULE_PATH}
    return [
        evaluate_battles.to_deployment("battles", parameters=place, **common),
        export_and_archive.to_deployment(
            "publish",
            schedule=schedule,
            parameters=place | {name: value for name, value in targets.items() if value is not None},
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            **common,
        ),
    ]


def check_name(client: SyncPrefectClient, deployment: Any) -> None:
    """Raises ConfigurationError when the server has this deployment for another ledger, or for a work pool."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415  as above

    name = f"{deployment.flow_name}/{deployment.name}"
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return
    theirs, ours = found.parameters.get("data_dir"), deployment.parameters["data_dir"]
    if found.work_pool_name is None and theirs == ours:
        return
    owner = f"the work pool {found.work_pool_name}" if found.work_pool_name else f"the ledger in {theirs}"
    raise ConfigurationError(
        f"{name} on {client.api_url} belongs to {owner}, not to {ours}",
        hint=f"unset PREFECT_API_URL for a server of its own, or if that one is gone: prefect deployment delete {name}",
    )


def _hear(error: Exception) -> int:
    """What to do about an answer that Prefect's client does not take; a server that has trouble is asked again."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None and status not in REFUSALS:
        return _lose(error)
    raise ConfigurationError(
        f"{os.environ['PREFECT_API_URL']} answers {status or 'something else'} to Prefect's client",
        hint="the address of an API ends in /api, and Prefect Cloud wants PREFECT_API_KEY; "
        "unset PREFECT_API_URL, and serve keeps a server of its own",
    ) from error


def _lose(error: Exception) -> int:
    say(f"the runner lost Prefect: {type(error).__name__}: {error}", file=sys.stderr)
    return BAD
