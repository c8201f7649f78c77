"""The campaign on what was published: whatever is done to a file of an export, an archive or a backup is found."""

from __future__ import annotations

import os
import random

import pytest
from shelves import FOLDERS, MUTATIONS

from green_logic.audit.ledger import audit_ledger
from green_logic.audit.report import Extent
from green_logic.errors import GreenLogicError

COUNT = int(os.environ.get("GREEN_LOGIC_TEST_MUTATIONS", "120"))
SEED = int(os.environ.get("GREEN_LOGIC_TEST_SEED", "20260131"))


def audit(published, depth="files"):
    """The kinds of what was found; an error on purpose counts as one."""
    books = published.books
    try:
        report = audit_ledger(books.settings, books.keys, [books.pin], extent=Extent(depth))
    except GreenLogicError as error:
        return {error.code}
    return set(report.tally.counts)


@pytest.mark.parametrize("part", range(6))
def test_every_mutation_of_a_publication_is_detected(published, part):
    source = random.Random(SEED + part)
    done = 0
    while done < COUNT // 6:
        mutate = source.choices(list(MUTATIONS), list(MUTATIONS.values()))[0]
        what = mutate(published, source)
        if what is not None and published.books.differs():
            done += 1
            assert audit(published), f"not detected (seed {SEED + part}, {done}): {what}"
        published.books.restore()
    assert not audit(published), "the publications were not put back"


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_byte_of_a_published_file_counts(published, folder):
    """One flipped bit in every published file, at its start, its end and in between."""
    source = random.Random(SEED)
    for name in published.names(folder):
        data = published.books.files[name]
        for at in {0, len(data) - 1, *(source.randrange(len(data)) for _ in range(2))} if data else ():
            published.path(name).chmod(0o644)
            published.path(name).write_bytes(data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :])
            assert audit(published), f"bit flipped in byte {at} of {name}"
        published.books.restore()


def test_untouched_publications_have_no_finding_at_any_depth(published):
    for depth in ("ledger", "files", "rows"):
        assert audit(published, depth) == set()
