"""A process that writes ranges of rows: `python -m green_logic.publish.range_process DATABASE SPOOL PARENT`.

pyarrow imports NumPy, and pandas once it is given a list. Both together take longer than a small export, which needs
neither: this process has none.
"""

from __future__ import annotations

import sys


class _Without:
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname in {"numpy", "pandas"}:
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, _Without())
    from green_logic.publish.range_writer import main

    sys.exit(main(sys.argv[1:]))
