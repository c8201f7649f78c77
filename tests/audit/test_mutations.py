"""The campaign: whatever is done to a ledger, an auditor with the public key and one kept checkpoint sees it."""

from __future__ import annotations

import os
import random

import pytest
from mutations import MUTATIONS, change_bytes, rewrite

from green_logic.audit.ledger import audit_ledger
from green_logic.audit.single import check_file
from green_logic.errors import GreenLogicError
from green_logic.verify_dbom import check_file as check_file_alone
from green_logic.verify_dbom import load_keys

COUNT = int(os.environ.get("GREEN_LOGIC_TEST_MUTATIONS", "120"))
SEED = int(os.environ.get("GREEN_LOGIC_TEST_SEED", "20260131"))
SINGLE = max(COUNT // 2, 100)  # mutations of single files; both verifiers judge each


def audit(books):
    """The kinds of what was found; an error on purpose counts as one."""
    try:
        report = audit_ledger(books.settings, books.keys, [books.pin])
    except GreenLogicError as error:
        return {error.code}
    return set(report.tally.counts)


def test_an_untouched_ledger_has_no_finding(books):
    report = audit_ledger(books.settings, books.keys, [books.pin])
    assert report.ok
    assert (report.battles, report.files, report.leaves, report.sealed, report.pinned) == (500, 500, 500, 500, 400)


@pytest.mark.parametrize("part", range(10))
def test_every_mutation_is_detected(books, part):
    source = random.Random(SEED + part)
    done = 0
    while done < COUNT // 10:
        mutate = source.choices(list(MUTATIONS), list(MUTATIONS.values()))[0]
        what = mutate(books, source)
        if what is not None and books.differs():
            done += 1
            assert audit(books), f"not detected (seed {SEED + part}, {done}): {what}"
        books.restore()
    assert not audit(books), "the ledger was not put back"


def test_the_two_verifiers_never_disagree(books, tmp_path):
    source = random.Random(SEED)
    (tmp_path / "b.tlog-proof").write_bytes(books.receipt)
    keys, alone = books.keys, load_keys(books.key.public_pem)
    for number in range(SINGLE):
        name = source.choice(["dbom_b-123.json", "dbom_b-123.json", "dbom_b-007.json", "b.tlog-proof", "note"])
        original = {
            "b.tlog-proof": books.receipt,
            "note": books.pin.note.encode(),
        }.get(name) or books.files[f"dboms/{name}"]
        data = change_bytes(original, source) if number % 50 else original
        path = tmp_path / name
        path.write_bytes(data)
        ours = check_file(path, keys)
        _, kind, message = check_file_alone(str(path), alone)
        assert ours.kind == kind, (number, ours, message)
        if not kind:
            assert data == original or (name.startswith("dbom") and message == _message(path, original, alone))
        elif data == original:
            pytest.fail(f"the untouched {name} is refused: {ours}")


def _message(path, original, keys):
    path.write_bytes(original)
    return check_file_alone(str(path), keys)[2]


def test_a_rewrite_by_the_judge_shows_only_against_a_kept_checkpoint(books):
    own = next(seed for seed in range(100) if random.Random(seed).random() < 0.5)
    rewrite(books, random.Random(own))
    inside = audit_ledger(books.settings, books.keys)
    assert set(inside.tally.counts) <= {"log"}  # the stored nodes, which a more careful thief makes anew
    report = audit_ledger(books.settings, books.keys, [books.pin])
    assert "history-rewritten" in report.tally.counts
