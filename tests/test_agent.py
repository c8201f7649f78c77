"""The front door: evaluate, generate_dbom, submit_result share one DBOM, and what is missing is never filled in."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import re
import sqlite3
from pathlib import Path

import pytest

from green_logic.agent import GreenAgent
from green_logic.errors import ConfigurationError, ConflictError, InvalidBattleError
from green_logic.ledger.database import Ledger
from green_logic.proof.keys import KEY_NAME, key_path
from green_logic.settings import Settings, config_dir


@pytest.fixture
def agent(settings):
    with GreenAgent(settings=settings) as opened:
        yield opened


def rows(settings):
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        return connection.execute("SELECT * FROM battles ORDER BY id").fetchall()


def dboms(settings):
    return {path.name: path.read_bytes() for path in settings.dboms.glob("*")}


def test_generate_and_submit_share_one_dbom(agent, settings, make_result, assert_whole):
    result = make_result("b-1")
    dbom = agent.generate_dbom(result)
    (written,) = dboms(settings).values()
    assert json.loads(written) == dbom
    assert rows(settings) == []
    receipt = agent.submit_result(result)
    assert dboms(settings) == {"dbom_b-1.json": written}
    ((_, battle_id, timestamp, score, _, raw_result, dbom_hash),) = rows(settings)
    assert (battle_id, timestamp, score) == ("b-1", dbom["timestamp"], dbom["score_cis"])
    assert hashlib.sha256(raw_result.encode()).hexdigest() == dbom_hash == dbom["h_delta"] == receipt["dbom_hash"]
    assert receipt == {
        "status": "recorded",
        "battle_id": "b-1",
        "score": 0.61,
        "dbom_hash": dbom["h_delta"],
        "dbom": str(settings.dboms / "dbom_b-1.json"),
    }
    assert len(assert_whole(settings)) == 1


def test_generate_and_submit_of_many_share_their_dboms(agent, settings, make_result, assert_whole):
    results = [make_result(f"b-{number}") for number in range(3)]
    agent.generate_dbom(results[1])
    written = dboms(settings)["dbom_b-1.json"]
    assert [receipt.status for receipt in agent.submit_results(results)] == ["recorded"] * 3
    assert dboms(settings)["dbom_b-1.json"] == written
    assert not (settings.data_dir / "set_aside").exists()
    assert len(assert_whole(settings)) == 3


def test_generating_twice_gives_the_same_dbom(agent, settings, make_result):
    first = agent.generate_dbom(make_result("b-1"))
    before = dboms(settings)
    assert agent.generate_dbom(make_result("b-1")) == first
    agent.submit_result(make_result("b-1"))
    assert agent.generate_dbom(make_result("b-1")) == first
    assert agent.generate_dbom(make_result("b-1", timing={"total_s": 9})) == first
    assert dboms(settings) == before


def test_submit_alone_is_enough(agent, settings, make_result, assert_whole):
    assert agent.submit_result(make_result("b-1"))["status"] == "recorded"
    assert len(assert_whole(settings)) == 1


def test_a_dbom_generated_before_a_restart_is_not_taken_for_a_row(settings, make_result, assert_whole):
    with GreenAgent(settings=settings) as agent:
        agent.generate_dbom(make_result("b-1"))
    with GreenAgent(settings=settings) as agent:
        assert agent.submit_result(make_result("b-1"))["status"] == "recorded"
    assert len(assert_whole(settings)) == 1


def test_submitting_again_changes_nothing(agent, settings, make_result):
    first = agent.submit_result(make_result("b-1"))
    before = rows(settings), dboms(settings)
    for result in (make_result("b-1"), make_result("b-1", timing={"total_s": 99})):
        assert agent.submit_result(result) == first | {"status": "already_recorded"}
    agent.close()
    assert agent.submit_result(make_result("b-1"))["status"] == "already_recorded"
    assert (rows(settings), dboms(settings)) == before


@pytest.mark.parametrize("battle_id", ["b-1", "B-1"])
def test_another_result_for_a_recorded_battle_is_a_conflict(agent, settings, make_result, battle_id):
    agent.submit_result(make_result("b-1"))
    before = rows(settings), dboms(settings)
    for act in (agent.submit_result, agent.generate_dbom):
        with pytest.raises(ConflictError):
            act(make_result(battle_id, score=0.99))
    (receipt,) = agent.submit_results([make_result(battle_id, score=0.99)])
    assert receipt.status == "conflict"
    assert (rows(settings), dboms(settings)) == before


MISSING = {
    "no score": lambda r: r["evaluation"].pop("cis_score"),
    "null score": lambda r: r["evaluation"].update(cis_score=None),
    "score as text": lambda r: r["evaluation"].update(cis_score="0.6"),
    "score as truth": lambda r: r["evaluation"].update(cis_score=True),
    "no vector": lambda r: r["evaluation"].pop("intent_vector"),
    "zero vector": lambda r: r["evaluation"].update(intent_vector=[0.0] * 384),
    "short vector": lambda r: r["evaluation"].update(intent_vector=[0.1] * 383),
    "no evaluation": lambda r: r.pop("evaluation"),
    "no id": lambda r: r.pop("battle_id"),
    "id as path": lambda r: r.update(battle_id="../b-1"),
    "the origin's default id": lambda r: r.update(battle_id="N/A"),
    "NaN inside": lambda r: r.update(note=float("nan")),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_an_error_and_nothing_is_written(agent, settings, make_result, name):
    result = copy.deepcopy(make_result("b-1"))
    MISSING[name](result)
    for act in (
        agent.generate_dbom,
        agent.submit_result,
        lambda given: agent.submit_results([make_result("b-2"), given]),
    ):
        with pytest.raises(InvalidBattleError):
            act(result)
    if settings.database.exists():
        assert (rows(settings), dboms(settings)) == ([], {})


@pytest.mark.parametrize("name", ["cis_score", "score"])
@pytest.mark.parametrize("nested", [True, False])
def test_a_result_in_the_origins_form_is_understood(agent, settings, make_result, name, nested):
    given = make_result("b-1")["evaluation"]
    evaluation = {name: 0.25, "breakdown": "R=0.5 A=0.1", "intent_vector": given["intent_vector"]}
    result = {"battle_id": "b-1", **({"evaluation": evaluation} if nested else evaluation)}
    assert agent.generate_dbom(result)["score_cis"] == 0.25
    assert agent.submit_result(result)["status"] == "recorded"
    ((*_, score, breakdown, raw_result, _),) = rows(settings)
    assert (score, breakdown, json.loads(raw_result)) == (0.25, "R=0.5 A=0.1", result)


def test_a_result_is_not_changed_by_its_submission(agent, make_result):
    result = make_result("b-1")
    agent.generate_dbom(result)
    agent.submit_result(result)
    assert result == make_result("b-1")


def test_the_books_never_open_the_sandbox(agent, make_result):
    agent.generate_dbom(make_result("b-1"))
    agent.submit_result(make_result("b-1"))
    agent.submit_results([make_result("b-2")])
    assert not {"sandbox", "evaluator"} & vars(agent).keys()


def test_making_an_agent_writes_nothing(settings, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with GreenAgent(settings=settings):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_key_that_changes_under_way_does_not_sign_on_this_ledger(agent, settings, make_result):
    agent.submit_result(make_result("b-1"))
    key_path(Settings()).unlink()
    agent.submit_result(make_result("b-2"))
    agent.close()
    with pytest.raises(ConfigurationError, match="this ledger is signed by"):
        agent.submit_result(make_result("b-3"))
    assert [row[1] for row in rows(settings)] == ["b-1", "b-2"]


def test_two_agents_work_on_one_ledger(agent, settings, make_result, assert_whole):
    with GreenAgent(settings.data_dir) as other:
        other.generate_dbom(make_result("b-1"))
        assert agent.submit_result(make_result("b-1"))["status"] == "recorded"
        assert other.submit_result(make_result("b-1"))["status"] == "already_recorded"
        with pytest.raises(ConflictError):
            other.submit_result(make_result("b-1", score=0.1))
    assert len(assert_whole(settings)) == 1


def test_an_unreadable_input_is_refused_before_any_sandbox(agent):
    circle: dict = {}
    circle["self"] = circle
    for battle in (circle, {"battle_id": object()}, {"battle_id": "b-1"}, {}):
        with pytest.raises(InvalidBattleError):
            agent.evaluate(battle)


def test_a_dbom_by_an_attacker_is_set_aside_not_shared(agent, settings, make_result, tmp_path, assert_whole):
    stranger = Settings(data_dir=tmp_path / "theirs")
    with GreenAgent(settings=stranger) as other:
        other.generate_dbom(make_result("b-1"))
    assert agent.ledger.size() == 0
    planted = (stranger.dboms / "dbom_b-1.json").read_bytes()
    (settings.dboms / "dbom_b-1.json").write_bytes(planted)
    agent.submit_result(make_result("b-1"))
    assert dboms(settings)["dbom_b-1.json"] != planted
    assert (settings.data_dir / "set_aside" / "dboms" / "dbom_b-1.json").read_bytes() == planted
    assert len(assert_whole(settings)) == 1
    with Ledger.open(settings, agent.key) as ledger:
        assert ledger.recovery.rebuilt == 0


def test_no_key_is_made_for_a_database_that_is_not_ours_or_has_one(settings: Settings, tmp_path: Path) -> None:
    settings.data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("CREATE TABLE other (x)")
    before = settings.database.read_bytes()
    with (
        pytest.raises(ConfigurationError, match="not a ledger of this project"),
        GreenAgent(settings=settings) as agent,
    ):
        _ = agent.ledger
    assert not (config_dir() / KEY_NAME).exists()
    assert settings.database.read_bytes() == before
    assert [path.name for path in settings.data_dir.iterdir()] == [settings.database.name]


def test_a_ledger_whose_key_is_elsewhere_gets_no_second_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GreenAgent(settings=settings) as agent:
        keyid, _ = agent.key.keyid, agent.ledger
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    with pytest.raises(ConfigurationError, match=re.escape(keyid)) as caught, GreenAgent(settings=settings) as agent:
        _ = agent.ledger
    assert "GREEN_LOGIC_SIGNING_KEY" in caught.value.hint
    assert not (tmp_path / "another").exists()
