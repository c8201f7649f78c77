"""Both flows on one machine, in 20 lines: what `green-logic serve` does beside keeping a server and an inbox.

prefect server start &
PREFECT_API_URL=http://127.0.0.1:4200/api python deployments/serve.py
"""

# ruff: noqa: TID251  wiring flows and Prefect is what this file is for
from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.battles import evaluate_battles
from flows.publish import export_and_archive

BY_MODULE = EntrypointType.MODULE_PATH  # a file path would load each flow file a second time
ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
NIGHTLY = Cron("0 3 * * *", timezone="UTC")

if __name__ == "__main__":
    serve(
        evaluate_battles.to_deployment("battles", entrypoint_type=BY_MODULE),
        export_and_archive.to_deployment("publish", schedule=NIGHTLY, concurrency_limit=ONE, entrypoint_type=BY_MODULE),
        pause_on_shutdown=False,
    )
