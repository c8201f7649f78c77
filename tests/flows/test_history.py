"""What an earlier `serve` left: its dead runs are noted as Crashed, and missed publications are made up for by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.history import Stay, catch_up, end_stale_runs, in_words, is_missed
from green_logic.errors import ConfigurationError
from green_logic.publication import Order, last_published, note_published, publish
from green_logic.publish.backup import backup
from green_logic.settings import Settings

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NIGHTLY = "export-and-archive/publish"


@pytest.fixture
def client() -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as one:
        yield one
        for deployment in one.read_deployments():
            one.delete_deployment(deployment.id)


@pytest.fixture
def recorded(settings: Settings, make_result: Any) -> Settings:
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1"))
    return settings


def deployments_of(settings: Settings) -> list[Any]:
    from flows.runner import make_deployments
    from flows.serve import make_parser

    return list(make_deployments(make_parser().parse_args([]), settings))


def register(settings: Settings) -> UUID:
    """Put both deployments on the server, and three nights that nobody was there for; the id of the publication."""
    from prefect.client.orchestration import get_client

    _, publication = [deployment.apply() for deployment in deployments_of(settings)]
    nights = {"start_time": (NOW - timedelta(days=30)).isoformat(), "end_time": (NOW - timedelta(days=1)).isoformat()}
    with get_client(sync_client=True) as client:
        client.request(
            "POST", "/deployments/{id}/schedule", path_params={"id": publication}, json=nights | {"max_runs": 3}
        )
    return UUID(str(publication))


def states(client: Any, deployment: UUID) -> Counter[str]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

    chosen = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    return Counter(run.state.name for run in client.read_flow_runs(flow_run_filter=chosen))


# --- runs that nobody runs any more


def begin(client: Any, tag: str) -> UUID:
    """A run of an earlier serve, or of somebody else, as kill -9 leaves it."""
    from prefect.states import Running

    from flows.battles import evaluate_battles

    parameters = {"source": "x", "opened_run": "x"}
    return UUID(str(client.create_flow_run(evaluate_battles, parameters=parameters, tags=[tag], state=Running()).id))


def test_what_an_earlier_serve_left_running_is_noted_as_crashed(client: Any, settings: Settings) -> None:
    dead, foreign = begin(client, "serve-mine"), begin(client, "serve-other")
    time.sleep(0.05)
    began = time.time()
    time.sleep(0.05)
    alive = begin(client, "serve-mine")
    end_stale_runs(client, Stay(settings, "mine", began))
    names = [client.read_flow_run(run).state.name for run in (dead, foreign, alive)]
    assert names == ["Crashed", "Running", "Running"]
    assert "killed" in client.read_flow_run(dead).state.message
    end_stale_runs(client, Stay(settings, "mine", began))
    assert client.read_flow_run(alive).state.name == "Running"
    end_stale_runs(client, Stay(settings, "mine", time.time()))
    assert client.read_flow_run(alive).state.name == "Crashed"


# --- publications that were missed


def test_however_many_nights_were_missed_one_publication_makes_up_for_them(
    client: Any, recorded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = register(recorded)
    assert states(client, publication) == {"Scheduled": 3}
    catch_up(client, Order(recorded))
    assert states(client, publication) == {"Cancelled": 3, "Scheduled": 1}
    assert "there is no publication yet: doing it now" in capsys.readouterr().err
    catch_up(client, Order(recorded))  # killed before it could begin, and started again
    assert states(client, publication) == {"Cancelled": 4, "Scheduled": 1}


def test_an_old_publication_is_told_by_its_age_and_a_young_one_is_enough(
    client: Any, recorded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = register(recorded)
    publish(Order(recorded))
    catch_up(client, Order(recorded))
    assert states(client, publication) == {"Cancelled": 3}
    assert "doing it now" not in capsys.readouterr().err
    old = datetime.now(UTC) - timedelta(hours=31)
    note_published(Order(recorded), old)
    assert last_published(Order(recorded)) == old
    catch_up(client, Order(recorded))
    assert states(client, publication) == {"Cancelled": 3, "Scheduled": 1}
    assert "last publication is 31 h old: doing it now" in capsys.readouterr().err


def test_neither_a_backup_by_hand_nor_a_publication_without_one_makes_up_for_a_night(
    client: Any, recorded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = register(recorded)
    publish(Order(recorded, skip=("backup",)))
    backup(recorded)
    catch_up(client, Order(recorded))
    assert states(client, publication) == {"Cancelled": 3, "Scheduled": 1}
    assert "there is no publication yet: doing it now" in capsys.readouterr().err


def test_without_a_ledger_nothing_is_ordered(client: Any, settings: Settings) -> None:
    publication = register(settings)
    catch_up(client, Order(settings))
    assert states(client, publication) == {"Cancelled": 3}
    assert not settings.data_dir.exists()


def test_a_deployment_that_somebody_paused_stays_at_rest(client: Any, recorded: Settings) -> None:
    publication = register(recorded)
    client.pause_deployment(publication)
    catch_up(client, Order(recorded))
    assert states(client, publication)["Scheduled"] == 0


def test_a_lost_ledger_is_left_to_the_publication_to_tell(client: Any, recorded: Settings) -> None:
    publication = register(recorded)
    for path in recorded.data_dir.glob("battles.db*"):
        path.unlink()
    catch_up(client, Order(recorded))
    assert states(client, publication)["Scheduled"] == 1


def test_what_an_operator_ordered_meanwhile_stays(client: Any, recorded: Settings) -> None:
    publication = register(recorded)
    publish(Order(recorded))
    ordered = client.create_flow_run_from_deployment(publication, name="by-hand")
    catch_up(client, Order(recorded))
    assert client.read_flow_run(ordered.id).state.name == "Scheduled"


@pytest.mark.parametrize(
    ("cron", "zone", "last", "missed"),
    [
        ("0 3 * * *", "UTC", NOW - timedelta(hours=8), False),  # at 04:00
        ("0 3 * * *", "UTC", NOW - timedelta(hours=10), True),  # at 02:00
        ("0 3 * * *", "Asia/Tokyo", NOW - timedelta(hours=8), False),  # 18:00 UTC the day before
        ("0 3 * * *", "Asia/Tokyo", NOW - timedelta(hours=19), True),
        ("0 3 * * 1", "UTC", NOW - timedelta(days=2), False),  # Mondays; NOW is a Thursday
        ("0 3 * * 1", "UTC", NOW - timedelta(days=4), True),
        ("0 3 * * *", "UTC", NOW + timedelta(days=1), False),  # a clock that was set back
        ("0 3 * * *", "UTC", None, True),
    ],
)
def test_a_night_is_missed_if_it_lies_between_the_last_publication_and_now(
    cron: str, zone: str, last: datetime | None, missed: bool
) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    assert is_missed(CronSchedule(cron=cron, timezone=zone), last, NOW) is missed


@pytest.mark.parametrize(("age_s", "missed"), [(9, False), (11, True)])
def test_an_interval_is_missed_once_it_has_passed(age_s: float, missed: bool) -> None:
    from prefect.client.schemas.schedules import IntervalSchedule

    schedule = IntervalSchedule(interval=timedelta(seconds=10))
    assert is_missed(schedule, NOW - timedelta(seconds=age_s), NOW) is missed


@pytest.mark.parametrize(("hours", "words"), [(0.5, "30 min"), (31, "31 h"), (100, "4 d")])
def test_an_age_is_told_as_people_do(hours: float, words: str) -> None:
    assert in_words(timedelta(hours=hours)) == words


# --- one name, one ledger


def test_a_name_that_belongs_to_another_ledger_is_refused_and_stays(
    client: Any, settings: Settings, tmp_path: Path
) -> None:
    from flows.runner import check_name

    register(settings)
    other = settings.changed(data_dir=tmp_path / "elsewhere")
    for deployment in deployments_of(other):
        with pytest.raises(ConfigurationError, match=f"belongs to the ledger in {settings.data_dir}") as refusal:
            check_name(client, deployment)
        assert "prefect deployment delete" in refusal.value.hint
    assert client.read_deployment_by_name(NIGHTLY).parameters["data_dir"] == str(settings.data_dir)
    for deployment in deployments_of(settings):
        check_name(client, deployment)


def test_a_name_that_belongs_to_a_work_pool_is_refused(client: Any, settings: Settings) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.runner import check_name

    _, publication = deployments_of(settings)
    check_name(client, publication)  # free
    pool = client.create_work_pool(WorkPoolCreate(name="elsewhere", type="process"))
    publication.work_pool_name = pool.name
    publication.apply()
    with pytest.raises(ConfigurationError, match="belongs to the work pool elsewhere"):
        check_name(client, publication)
    client.delete_work_pool(pool.name)
