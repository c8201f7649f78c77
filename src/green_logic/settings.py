"""Every setting, its default, and where its value came from.

A value is taken from the command line, else from a `GREEN_LOGIC_*` environment variable, else from `green-logic.toml`
in the working directory (or `[tool.green-logic]` in its pyproject.toml), else from the default below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from green_logic.errors import ConfigurationError

PREFIX = "GREEN_LOGIC_"
FILE_NAME = "green-logic.toml"
# the key in any form of TOML that may be [tool.green-logic]; most files have none, and need not be parsed
TABLE_KEY = re.compile(r"""green-logic["']?\s*(?:[.\]]|=\s*\{)""")
# in the data directory, and beside whatever is published from it
PUBLIC_NAME = "judge.pub"
CHECKPOINT_NAME = "checkpoint"  # the newest note
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
# of one text; the largest real one seen is 25 kB. Static checks cost up to 13 s of CPU a MiB, so 3 s at most
MAX_SOURCE_BYTES = 256 << 10
# the least value that makes sense; 0 lines or 0 workers would wait for ever
LEAST = {"chunk_size": 1, "max_line_bytes": 1024, "max_source_bytes": 1, "judge_reviews": 1, "judge_concurrency": 1}
# the greatest: each worker is a process and a thread, and the pauses between 20 retries add up to 12 days
MOST = {"workers": 256, "retries": 20, "mutants": 64}


class Settings(NamedTuple):
    """What an operator can choose. Paths are kept as given; `data_dir` is where everything a run makes goes.

    A named tuple, not a dataclass: that one alone would take a tenth of the time `status` needs.
    """

    data_dir: Path = Path("data")
    signing_key: str = ""  # path of a PEM or OpenSSH private key, or the PEM itself; empty: the key under `config_dir`
    model_dir: Path | None = None  # embedding weights; None: under the user's cache
    chunk_size: int = 32  # battles; one Prefect task run each costs 10-30 ms, so a battle alone would be too small
    workers: int = 0  # sandbox workers; 0: one per core
    retries: int = 3  # of a step that met a RetryableError
    retry_delay_s: float = 1.0  # before the first retry; doubles, with jitter
    max_line_bytes: int = 8 << 20  # a battle's line; the largest real one seen is 25 kB
    max_source_bytes: int = MAX_SOURCE_BYTES  # source, tests, rationale and description, each
    test_timeout_s: float = 10.0  # wall time of one test run in the sandbox
    mutants: int = 8  # broken copies of each solution that its own tests are run on; 0: T is their pass rate alone
    busy_timeout_s: float = 60.0  # how long to wait for another writer of the same ledger
    group_sync: str = "auto"  # "auto": one syncfs per group of 16 or more files; "fsync": each file, for shared disks
    allow_unsandboxed: bool = False  # run hostile code without isolation; recorded in every result
    export_to: str = ""  # where Parquet files go: a directory or a URI; empty: exports/ in the data directory
    archive_to: str = ""  # a second place, to which each archive is copied: a directory or a URI; empty: none
    backup_to: str = ""  # where backups go: a directory or a URI; empty: backups/ in the data directory
    keep: str = ""  # which backups stay, such as 7d,4w,12m; empty: all
    judge: str = ""  # address of an OpenAI-compatible endpoint that reviews L, or "openai"; empty: none
    judge_model: str = ""  # name by which that endpoint knows the model
    judge_required: bool = False  # a battle that cannot be reviewed is not evaluated, instead of judged without
    judge_reviews: int = 3  # of each battle; their median counts
    judge_timeout_s: float = 120.0  # for one answer
    judge_concurrency: int = 16  # requests at once
    sources: Mapping[str, str] = MappingProxyType({})  # setting -> where its value came from

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, …)"  # signing_key may hold the key itself

    def changed(self, **values: Any) -> Settings:
        """A copy with other values."""
        return self._replace(**values)

    @property
    def database(self) -> Path:
        """SQLite ledger."""
        return self.data_dir / "battles.db"

    @property
    def dboms(self) -> Path:
        """One `dbom_{battle_id}.json` for every row."""
        return self.data_dir / "dboms"

    @property
    def rejected(self) -> Path:
        """Refused input lines with their reasons."""
        return self.data_dir / "rejected"

    @property
    def not_evaluated(self) -> Path:
        """Battles that the judge could not evaluate, with the reasons."""
        return self.data_dir / "not_evaluated"

    @property
    def spool(self) -> Path:
        """Work in progress of running processes; holds nothing that was acknowledged."""
        return self.data_dir / ".spool"


def config_dir() -> Path:
    """Folder of the judge's private key. Never under the data directory, which is published."""
    return _user_dir("XDG_CONFIG_HOME", ".config")


def cache_dir() -> Path:
    """Folder of what can be fetched again, such as embedding weights."""
    return _user_dir("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Folder of what this user's judge must remember outside the data: what it signed last."""
    return _user_dir("XDG_STATE_HOME", ".local/state")


def _user_dir(variable: str, default: str) -> Path:
    base = os.environ.get(variable, "")
    # the XDG specification says to ignore a relative path here
    if base.startswith("/"):
        return Path(base) / "green-logic"
    try:
        return Path.home() / default / "green-logic"
    except RuntimeError as error:  # a container's user without HOME and without an entry in passwd
        raise ConfigurationError("this user has no home directory", hint=f"set {variable} to a directory") from error


def load_settings(flags: Mapping[str, object] | None = None, *, directory: Path | None = None) -> Settings:
    """Settings for this process. `flags` with the value None count as not given.

    Raises ConfigurationError for an unknown name or a value of the wrong kind, naming where it stands.
    """
    settings = Settings()
    sources: dict[str, str] = {}
    file_values, file_name = _read_file(directory or Path())
    layers: list[tuple[str, Mapping[str, object]]] = [
        (file_name, file_values),
        ("environment", _read_environment()),
        ("command line", {name: value for name, value in (flags or {}).items() if value is not None}),
    ]
    for origin, values in layers:
        for name, value in values.items():
            settings = settings.changed(**{name: _convert(name, value, origin)})
            sources[name] = origin
    return settings.changed(sources=sources)


def _names() -> list[str]:
    return [name for name in Settings._fields if name != "sources"]


def _read_file(directory: Path) -> tuple[dict[str, object], str]:
    for name, table in ((FILE_NAME, ()), ("pyproject.toml", ("tool", "green-logic"))):
        path = directory / name
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            # another tool's pyproject.toml is not ours to parse, nor to complain about
            values: object = _parse_toml(text) if not table or TABLE_KEY.search(text) else {}
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path}: expected TOML, got {error}") from error
        for key in table:
            values = values.get(key, {}) if isinstance(values, dict) else {}
        if isinstance(values, dict) and values:
            return {_known(key.replace("-", "_"), str(path)): value for key, value in values.items()}, str(path)
    return {}, FILE_NAME


def _parse_toml(text: str) -> object:
    import tomllib  # noqa: PLC0415  most directories have no such file, and every command starts here

    return tomllib.loads(text)


def _read_environment() -> dict[str, object]:
    values: dict[str, object] = {}
    for variable, value in sorted(os.environ.items()):
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name.startswith("test_") and name not in _names():
            continue  # GREEN_LOGIC_TEST_KILLS and the like are for the tests
        if name == "judge_key":
            continue  # a secret is no setting: it is read where it is used, and shown nowhere
        # GREEN_LOGIC_DATA is the documented short form; sorted, so that the long one wins
        values[_known("data_dir" if name == "data" else name, f"environment variable {variable}")] = value
    return values


def _known(name: str, origin: str) -> str:
    names = _names()
    if name in names:
        return name
    import difflib  # noqa: PLC0415  only an error needs it, and it is slow to import

    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(names)}"
    raise ConfigurationError(f"{origin}: no setting named {name!r}", hint=hint)


def _convert(name: str, value: object, origin: str) -> object:
    default = Settings._field_defaults[name]
    try:
        converted = _typed(name, value, default)
    except (TypeError, ValueError) as error:
        kind = "a path" if isinstance(default, Path) or name == "model_dir" else type(default).__name__
        raise ConfigurationError(f"{origin}: {name} expected {kind}, got {value!r}") from error
    if isinstance(converted, (int, float)) and not isinstance(converted, bool):
        least, most = LEAST.get(name, 0), MOST.get(name, 1 << 40)
        if not least <= converted <= most:
            raise ConfigurationError(f"{origin}: {name} expected a number from {least} to {most}, got {value!r}")
    if name == "group_sync" and converted not in {"auto", "fsync"}:
        raise ConfigurationError(f"{origin}: group_sync expected 'auto' or 'fsync', got {value!r}")
    return converted


def _typed(name: str, value: object, default: object) -> object:
    if name == "model_dir" or isinstance(default, Path):
        if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
            raise TypeError(name)
        return Path(value)
    if isinstance(default, bool):
        word = str(value).lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError(name)
        return word in TRUE_WORDS
    if isinstance(default, int):
        if isinstance(value, (bool, float)):
            raise TypeError(name)
        return int(str(value))
    if isinstance(default, float):
        if isinstance(value, bool):
            raise TypeError(name)
        return float(str(value))
    if not isinstance(value, str):
        raise TypeError(name)
    return value
