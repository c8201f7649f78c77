"""One Prefect server for all flow tests of a session: it costs about 20 s to start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Prefect reads its settings when it is imported, so they are set before, for good: nothing else here imports it
    home = tmp_path_factory.mktemp("prefect")
    os.environ["PREFECT_HOME"] = str(home)
    os.environ.pop("PREFECT_API_URL", None)
    from prefect.testing.utilities import prefect_test_harness

    import flows  # noqa: F401  sets the defaults of our own starts

    with prefect_test_harness(server_startup_timeout=120):
        yield home
