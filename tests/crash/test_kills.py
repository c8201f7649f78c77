"""Killed at any moment: what was acknowledged is there, and nothing else lies about."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from green_logic.errors import GreenLogicError
from green_logic.ledger.database import Ledger
from green_logic.ledger.recovery import Recovery
from green_logic.settings import Settings

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "8"))
SMALL = [["b-1", "b-2"]]
LARGE = [["a-1"], [f"b-{number}" for number in range(17)]]  # the second is made durable by one syncfs
ORPHAN = b'{"an orphan":"that a crash left"}'


def kill_at(name, number):
    return ["-o", os.devnull, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]


def test_kills_at_random_moments_lose_nothing(forge, settings):
    rows, lost_work, acknowledged = {}, 0, 0
    source = random.Random()
    for turn in range(KILLS):
        # more than can be done in that time; sizes on both sides of the group sync
        groups = [[f"k{turn}-{group}-{number}" for number in range((1, 5, 20)[group % 3])] for group in range(60)]
        outcome = forge.run(settings, groups, kill_after_s=source.uniform(0.0, 0.2))
        assert outcome.killed or outcome.done
        before = rows
        rows = forge.check(settings, outcome, groups, again=False)
        assert before.items() <= rows.items(), "what earlier runs recorded stays as it was"
        acknowledged += sum(map(len, outcome.acknowledged))
        lost_work += sum(map(len, groups)) - (len(rows) - len(before))
    assert lost_work, "no kill came in time"
    assert acknowledged or KILLS < 20
    forge.tell(f"{KILLS} kills at random moments, {acknowledged} acknowledged battles, none lost")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(("groups", "per_name"), [(SMALL, 6), (LARGE, 4)], ids=["small", "large"])
def test_a_kill_at_any_call_loses_nothing(forge, tmp_path, groups, per_name):
    counts = forge.count_calls(Settings(data_dir=tmp_path / "counted"), groups)
    calls = forge.choose_calls(counts, per_name=per_name)
    for name, number in calls:
        settings = Settings(data_dir=tmp_path / f"{name}-{number}")
        outcome = forge.run(settings, groups, strace=kill_at(name, number))
        assert outcome.killed, (name, number, outcome)
        forge.check(settings, outcome, groups)
        shutil.rmtree(settings.data_dir, ignore_errors=True)
    forge.tell(f"{len(calls)} kills, one at a call each: {dict(counts)}")


@pytest.fixture
def wreck(settings, forge):
    """A ledger with all that a crash can leave at once; the recovery it needs."""
    forge.run(settings, [[f"w-{number}" for number in range(6)]])
    names = [f"dbom_w-{number}.json" for number in range(6)]
    good = {name: (settings.dboms / name).read_bytes() for name in names}
    (settings.dboms / names[0]).unlink()
    os.truncate(settings.dboms / names[1], 0)
    (settings.dboms / names[2]).write_bytes(good[names[2]][:4096])
    (settings.dboms / names[3]).write_bytes(good[names[4]])
    (settings.dboms / "dbom_orphan.json").write_bytes(ORPHAN)
    (settings.dboms / ".tmp-dbom_half.json").write_bytes(b"half")
    os.link(settings.dboms / names[5], settings.dboms / f".tmp-{names[5]}")
    return good


@pytest.mark.usefixtures("strace")
def test_a_kill_at_any_call_of_a_recovery_loses_nothing(forge, tmp_path, settings, wreck, assert_whole):
    def copy(name):
        shutil.copytree(settings.data_dir, tmp_path / name)
        return Settings(data_dir=tmp_path / name)

    counts = forge.count_calls(copy("counted"), [])
    calls = forge.choose_calls(counts, per_name=4)
    for name, number in calls:
        broken = copy(f"{name}-{number}")
        assert forge.run(broken, [], strace=kill_at(name, number)).killed
        with Ledger.open(broken, forge.key):
            pass
        assert len(assert_whole(broken)) == 6
        assert {path.name: path.read_bytes() for path in broken.dboms.iterdir()} == wreck
        aside = sorted(path.read_bytes() for path in (broken.data_dir / "set_aside" / "dboms").iterdir())
        torn = [b"", wreck["dbom_w-2.json"][:4096], wreck["dbom_w-4.json"], ORPHAN]
        assert aside == sorted(torn), "what was found is set aside, once"
        with Ledger.open(broken, forge.key) as ledger:
            assert ledger.recovery == Recovery()
        shutil.rmtree(broken.data_dir)
    forge.tell(f"{len(calls)} kills, one at a call of a recovery each: {dict(counts)}")


# The checks above are worth what they see. Each of these faults must be seen by one of them:
FAULTS = ["row before its DBOM", "DBOM written in place", "a transaction a row", "acknowledged before"]


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("variant", FAULTS)
def test_a_kill_shows_a_ledger_that_is_built_wrong(forge, tmp_path, variant):
    counts = forge.count_calls(Settings(data_dir=tmp_path / "counted"), SMALL, variant=variant)
    points = [
        (name, n) for name in ("write", "pwrite64", "openat", "link", "linkat") for n in range(counts[name], 0, -1)
    ]
    for name, number in points:
        settings = Settings(data_dir=tmp_path / f"{name}-{number}")
        outcome = forge.run(settings, SMALL, variant=variant, strace=kill_at(name, number))
        try:
            forge.check(settings, outcome, SMALL, again=False)
        except (AssertionError, GreenLogicError):
            return
    pytest.fail(f"{len(points)} kills, and the check saw nothing wrong with: {variant}")


def test_the_check_sees_a_recovery_that_does_nothing(forge, settings, wreck, assert_whole, monkeypatch):
    monkeypatch.setattr("green_logic.ledger.database.recover", lambda *_, **__: Recovery())
    with Ledger.open(settings, forge.key):
        pass
    with pytest.raises((AssertionError, ValueError, KeyError)):
        assert_whole(settings)
