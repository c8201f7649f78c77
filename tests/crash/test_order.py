"""A kill leaves the page cache, so it cannot show a missing sync; the order of the calls does."""

from __future__ import annotations

import pytest

SMALL = [["b-1", "b-2"], ["b-3"]]
LARGE = [[f"b-{number}" for number in range(17)]]  # made durable by one syncfs

pytestmark = pytest.mark.usefixtures("strace")


def find(calls, names, *parts, after=-1):
    """Where the first of such calls stands after a given one."""
    for number in range(after + 1, len(calls)):
        if calls[number].startswith(tuple(f"{name}(" for name in names.split())) and all(
            part in calls[number] for part in parts
        ):
            return number
    raise AssertionError(f"no {names} of {parts} after call {after}")


def check_order(calls, settings, groups):
    """Bytes are durable before they get their name, names before the row, and rows before the next group begins."""
    folder = f"<{settings.dboms}>"
    for ids, following in zip(groups, [*groups[1:], []], strict=True):
        for battle_id in ids:
            final, temporary = f"/dbom_{battle_id}.json", f"/.tmp-dbom_{battle_id}.json>"
            written = find(calls, "write", temporary)
            named = find(calls, "link linkat rename renameat renameat2", final, after=written)
            try:
                durable = find(calls, "fsync fdatasync", temporary, after=written)
            except AssertionError:
                durable = find(calls, "syncfs", folder, after=written)
            name_durable = find(calls, "fsync", folder, after=named)
            row = find(calls, "pwrite64", "battles.db-wal>", after=written)
            assert written < durable < named < name_durable < row
            row_durable = find(calls, "fdatasync fsync", "battles.db-wal>", after=row)
            if following:
                assert row_durable < find(calls, "write", f"/.tmp-dbom_{following[0]}.json>")


def check_new_directories(calls, settings):
    for directory in (settings.data_dir, settings.dboms):
        made = find(calls, "mkdir mkdirat", f'"{directory}"')
        find(calls, "fsync", f"<{directory.parent}>", after=made)
    wal = find(calls, "openat open", "battles.db-wal")
    assert find(calls, "fsync", f"<{settings.data_dir}>", after=wal) < find(calls, "write", "/.tmp-dbom_")


@pytest.mark.parametrize("groups", [SMALL, LARGE], ids=["small", "large"])
def test_bytes_then_names_then_rows_are_durable(forge, settings, groups):
    calls = forge.trace(settings, groups)
    check_order(calls, settings, groups)
    check_new_directories(calls, settings)


@pytest.mark.parametrize(
    "variant", ["DBOM not synced", "name not synced", "row not synced", "row before its DBOM", "DBOM written in place"]
)
def test_the_check_sees_a_missing_sync(forge, settings, variant):
    calls = forge.trace(settings, SMALL, variant=variant)
    with pytest.raises(AssertionError):
        check_order(calls, settings, SMALL)
