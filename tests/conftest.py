"""What every test gets: a user of its own, and the few values that most tests start from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from green_logic.ledger.schema import leaf_hash
from green_logic.proof.dbom import Sealed, dbom_name, rebuild_dbom, seal_result
from green_logic.proof.keys import SigningKey, load_signing_key
from green_logic.settings import Settings

ORIGIN = "green-agent/test"
# machines here are busy: how long a draw takes says nothing about the strategy
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], database=None
)
hypothesis.settings.load_profile("busy")
# a shell's background job ignores Ctrl-C, and so would everything that a test starts and interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def isolated_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the configuration, cache or Prefect home of whoever runs it."""
    for variable in [*os.environ]:
        if variable == "PREFECT_API_URL" or (
            variable.startswith("GREEN_LOGIC_") and not variable.startswith("GREEN_LOGIC_TEST_")
        ):
            monkeypatch.delenv(variable)
    home = tmp_path / "user"
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "PREFECT_HOME"):
        directory = home / variable.lower()
        directory.mkdir(parents=True)
        monkeypatch.setenv(variable, str(directory))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data directory that does not exist yet."""
    return Settings(data_dir=tmp_path / "data", busy_timeout_s=30.0)


@pytest.fixture
def key() -> SigningKey:
    """The key of the isolated user, made on first use."""
    return load_signing_key(Settings())


@pytest.fixture(scope="session")
def make_result() -> Callable[..., dict[str, Any]]:
    """A factory of realistic results: `make_result("b-1", score=0.5, seed=7)`."""
    return result_of


@pytest.fixture
def make_sealed(key: SigningKey) -> Callable[..., Sealed]:
    """A factory of sealed results, for tests that begin at the ledger."""

    def seal(battle_id: str, *, origin: str = ORIGIN, **more: Any) -> Sealed:
        return seal_result(result_of(battle_id, **more), key=key, origin=origin)

    return seal


def result_of(battle_id: str, *, score: float = 0.61, seed: int = 1, **more: Any) -> dict[str, Any]:
    """The result of a judged battle; the same arguments give the same result."""
    # seeded on purpose: the vector of a task is the same at every run
    source = random.Random(seed)
    return {
        "battle_id": battle_id,
        "battle_sha256": f"{seed:064x}",
        "profile": {"id": "cis-evidence/2"},
        "evaluation": {
            "cis_score": score,
            "breakdown": {"rationale_score": 0.7, "logic_score": score, "note": "naïve – 日本"},
            "intent_vector": [source.uniform(-0.2, 0.2) for _ in range(384)],
        },
        "purple_response": {"sourceCode": f"def answer():\n    return {seed}\n", "rationale": "because"},
        "timing": {"total_s": source.random()},
        **more,
    }


@pytest.fixture(scope="session")
def assert_whole() -> Callable[[Settings], dict[str, bytes]]:
    """Checks what must hold of a ledger at rest, and gives its rows: battle_id → raw_result."""
    return rows_of_whole_ledger


@pytest.fixture(scope="session")
def rot() -> Callable[..., None]:
    """Changes rows as a bad disk does: no trigger has a say in it, and all are there afterwards."""

    def change(database: Path, *statements: str) -> None:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in guards:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in (*statements, *(sql for _, sql in guards)):
                connection.execute(statement)

    return change


def rows_of_whole_ledger(settings: Settings) -> dict[str, bytes]:
    """Every row has its DBOM and its leaf, byte for byte, and nothing else lies about."""
    query = (
        "SELECT b.battle_id, b.timestamp, b.score, b.raw_result, b.dbom_hash, l.leaf_index, l.leaf_hash, l.envelope "
        "FROM battles b LEFT JOIN ledger l ON l.battle_row = b.id ORDER BY b.id"
    )
    rows: dict[str, bytes] = {}
    files = {path.name: path.read_bytes() for path in settings.dboms.iterdir()}
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (leaves,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
        for battle_id, timestamp, score, raw_result, dbom_hash, index, leaf, envelope in connection.execute(query):
            raw = raw_result.encode()
            data = files.pop(dbom_name(battle_id))
            assert hashlib.sha256(raw).hexdigest() == dbom_hash == json.loads(data)["h_delta"]
            assert data == rebuild_dbom(
                battle_id=battle_id, raw_result=raw, score=score, timestamp=timestamp, envelope=envelope
            )
            assert (index, leaf) == (len(rows), leaf_hash(envelope))
            rows[battle_id] = raw
    assert leaves == len(rows)
    assert not files, "a file without a row"
    return rows
