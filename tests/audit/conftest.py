"""One sealed ledger for all audit tests, put back as it was after each."""

from __future__ import annotations

from functools import lru_cache

import pytest
from books import BATTLES, GROUP, PINNED, Books, make_key
from shelves import Shelves, publish_all

from green_logic.errors import VerificationError
from green_logic.ledger import row_check
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import prove
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.dbom import seal_result
from green_logic.settings import Settings


@pytest.fixture(scope="module")
def pristine(tmp_path_factory, make_result):
    root = tmp_path_factory.mktemp("books")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root / "state"))
        settings = Settings(data_dir=root / "data", workers=1)
        key = make_key(b"the judge of these tests")
        with Ledger.open(settings, key) as ledger:
            for start in range(0, BATTLES, GROUP):
                results = [
                    make_result(f"b-{n:03d}", seed=n % 7, score=n / BATTLES) for n in range(start, start + GROUP)
                ]
                ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
                checkpoint = ledger.checkpoint(key)
                if checkpoint.size == PINNED:
                    pin = checkpoint
            origin = ledger.origin
    with open_for_reading(settings) as connection:
        receipt = prove(connection, "b-123")
    names = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    files = {str(path.relative_to(settings.data_dir)): path.read_bytes() for path in names}
    books = Books(settings, key, make_key(b"somebody else"), pin, receipt, origin, files)
    books.restore()
    return books


@pytest.fixture
def books(pristine):
    yield pristine
    pristine.restore()


@pytest.fixture(scope="module")
def shelves(tmp_path_factory, make_result):
    """Two ledgers with everything published in three steps, and how the first one was before the last step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        mine, earlier = publish_all(tmp_path_factory.mktemp("mine"), make_key(b"the judge of these tests"), make_result)
        other, _ = publish_all(tmp_path_factory.mktemp("other"), make_key(b"somebody else"), make_result)
    return Shelves(mine, earlier, other.files)


@pytest.fixture
def published(shelves):
    yield shelves
    shelves.books.restore()


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    """One seal, or one row under its seal, gets the same verdict each time: the parts of the audit that are pure are
    remembered, which makes 500 battles audit five times faster."""

    def opened(text, keys, *, vouched_for):
        _keys.update(keys)  # known by their fingerprints
        return _answer(_opened(text, tuple(keys), vouched_for))

    monkeypatch.setattr(row_check, "open_envelope", opened)
    monkeypatch.setattr(row_check, "read_row", lambda row, texts, claims: _answer(_row(row, texts, claims)))


def _answer(value):
    if isinstance(value, VerificationError):
        raise VerificationError(value.message, kind=value.kind)
    return value


_keys = {}


@lru_cache(maxsize=4 * BATTLES)
def _opened(text, keyids, vouched_for, real=row_check.open_envelope):
    try:
        return real(text, {keyid: _keys[keyid] for keyid in keyids}, vouched_for=vouched_for)
    except VerificationError as error:
        return error


@lru_cache(maxsize=4 * BATTLES)
def _row(row, texts, claims, real=row_check.read_row):
    try:
        return real(row, texts, claims)
    except VerificationError as error:
        return error
