"""Where a setting comes from, and that a wrong one is told with its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from green_logic.errors import ConfigurationError
from green_logic.settings import Settings, cache_dir, config_dir, load_settings


def write(directory: Path, name: str, text: str) -> Path:
    (directory / name).write_text(text, encoding="utf-8")
    return directory


def refusal(directory: Path, flags: dict[str, object] | None = None) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(flags, directory=directory)
    return caught.value.message, caught.value.hint


def test_without_anything_the_defaults_hold(tmp_path: Path):
    settings = load_settings(directory=tmp_path)
    assert settings == Settings()
    assert settings.sources == {}


def test_command_line_goes_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, "green-logic.toml", 'retries = 1\nworkers = 1\nchunk_size = 1\ngroup_sync = "fsync"\n')
    monkeypatch.setenv("GREEN_LOGIC_WORKERS", "2")
    monkeypatch.setenv("GREEN_LOGIC_CHUNK_SIZE", "2")
    settings = load_settings({"chunk_size": 3, "retries": None}, directory=tmp_path)
    assert (settings.retries, settings.workers, settings.chunk_size, settings.group_sync) == (1, 2, 3, "fsync")
    assert settings.sources == {
        "retries": str(tmp_path / "green-logic.toml"),
        "group_sync": str(tmp_path / "green-logic.toml"),
        "workers": "environment",
        "chunk_size": "command line",
    }


def test_a_table_in_pyproject_counts_when_there_is_no_file_of_ours(tmp_path: Path):
    write(tmp_path, "pyproject.toml", '[project]\nname = "x"\n[tool.green-logic]\nbusy-timeout-s = 5\n')
    assert load_settings(directory=tmp_path).busy_timeout_s == 5.0
    write(tmp_path, "green-logic.toml", "busy_timeout_s = 6.5")
    assert load_settings(directory=tmp_path).busy_timeout_s == 6.5


@pytest.mark.parametrize(
    "text",
    [
        '[tool]\n"green-logic" = {retries = 9}',
        "tool = {'green-logic' = {retries = 9}}",
        '[tool."green-logic"]\nretries = 9',
        "[ tool . green-logic ]\nretries = 9",
        "[tool]\ngreen-logic.retries = 9",
    ],
)
def test_every_form_of_toml_for_that_table_counts(tmp_path: Path, text: str):
    write(tmp_path, "pyproject.toml", text)
    assert load_settings(directory=tmp_path).retries == 9
    write(tmp_path, "pyproject.toml", text.replace("retries", "retires"))
    assert refusal(tmp_path)[0] == f"{tmp_path / 'pyproject.toml'}: no setting named 'retires'"


@pytest.mark.parametrize("text", ["[tool.other]\nretries = 99", 'dependencies = ["green-logic>=0.1"', "[[["])
def test_a_pyproject_without_our_table_changes_nothing(tmp_path: Path, text: str):
    write(tmp_path, "pyproject.toml", text)
    assert load_settings(directory=tmp_path) == Settings()


def test_the_short_name_of_the_data_directory_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREEN_LOGIC_DATA", "/srv/ledger")
    settings = load_settings(directory=tmp_path)
    assert settings.database == Path("/srv/ledger/battles.db")
    monkeypatch.setenv("GREEN_LOGIC_DATA_DIR", "/srv/long")
    assert load_settings(directory=tmp_path).data_dir == Path("/srv/long")


def test_the_time_limit_of_tests_is_a_setting_and_not_a_variable_of_our_own_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREEN_LOGIC_TEST_KILLS", "50")
    monkeypatch.setenv("GREEN_LOGIC_TEST_TIMEOUT_S", "2.5")
    settings = load_settings(directory=tmp_path)
    assert settings.test_timeout_s == 2.5
    assert settings.sources == {"test_timeout_s": "environment"}


@pytest.mark.parametrize("word", ["1", "true", "YES", "On"])
def test_a_switch_is_turned_on_by_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str):
    monkeypatch.setenv("GREEN_LOGIC_ALLOW_UNSANDBOXED", word)
    assert load_settings(directory=tmp_path).allow_unsandboxed is True


@pytest.mark.parametrize("word", ["", "2", "ja", "truee", " "])
def test_a_switch_takes_no_other_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str):
    monkeypatch.setenv("GREEN_LOGIC_ALLOW_UNSANDBOXED", word)
    assert refusal(tmp_path)[0] == f"environment: allow_unsandboxed expected bool, got {word!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("workers", value) for value in ("two", "", "1.5", "-1", "257", "1e3")),
        *(("chunk_size", value) for value in ("0", "-3", str(2**41))),
        *(("retries", value) for value in ("-1", "21", "None")),
        *(("retry_delay_s", value) for value in ("-0.1", "nan", "inf", "soon")),
        *(("max_line_bytes", value) for value in ("1023", "-1")),
        *(("max_source_bytes", value) for value in ("0",)),
        *(("mutants", value) for value in ("-1", "65", "all")),
        *(("data_dir", value) for value in ("",)),
        *(("model_dir", value) for value in ("",)),
        *(("group_sync", value) for value in ("", "always", "AUTO")),
    ],
)
def test_a_wrong_value_is_told_with_name_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(f"GREEN_LOGIC_{name.upper()}", value)
    message, _ = refusal(tmp_path)
    assert message.startswith(f"environment: {name} expected ")
    assert message.endswith(f"got {value!r}")


@pytest.mark.parametrize(
    "text",
    [
        *("workers = true", "workers = 1.0", "workers = [1]", "retry_delay_s = false", "data_dir = 3", 'data_dir = ""'),
        *('data_dir = "a\\u0000b"', "signing_key = 1", "allow_unsandboxed = 3", "group_sync = true", "model_dir = {}"),
        *("chunk_size = 1979-05-27", "retry_delay_s = nan"),
    ],
)
def test_a_value_of_the_wrong_kind_in_the_file_is_told_with_its_path(tmp_path: Path, text: str):
    write(tmp_path, "green-logic.toml", text)
    message, _ = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'green-logic.toml'}: {text.split(maxsplit=1)[0]} expected ")


def test_an_unknown_name_is_refused_with_the_one_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, "green-logic.toml", "chunksize = 3")
    message, hint = refusal(tmp_path)
    assert message == f"{tmp_path / 'green-logic.toml'}: no setting named 'chunksize'"
    assert hint == "did you mean chunk_size?"
    write(tmp_path, "green-logic.toml", "")
    monkeypatch.setenv("GREEN_LOGIC_QQQ", "x")
    message, hint = refusal(tmp_path)
    assert message == "environment variable GREEN_LOGIC_QQQ: no setting named 'qqq'"
    assert "known settings: data_dir, " in hint


@pytest.mark.parametrize("data", [b"retries = ", b"\xff\xfe", b"retries = 1\nretries = 2\n", b"[[["])
def test_a_file_that_is_not_toml_is_told(tmp_path: Path, data: bytes):
    (tmp_path / "green-logic.toml").write_bytes(data)
    assert refusal(tmp_path)[0].startswith(f"{tmp_path / 'green-logic.toml'}: expected TOML, got ")


@pytest.mark.parametrize(("find", "variable"), [(config_dir, "XDG_CONFIG_HOME"), (cache_dir, "XDG_CACHE_HOME")])
def test_a_relative_xdg_directory_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, find: object, variable: str
):
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("relative/place", "", "./x"):
        monkeypatch.setenv(variable, value)
        assert find().is_relative_to(tmp_path)
        assert find().name == "green-logic"
    monkeypatch.setenv(variable, "/srv/xdg")
    assert find() == Path("/srv/xdg/green-logic")


def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if os.geteuid() != 0:
        pytest.skip("only root can become a user that passwd does not know")
    code = (
        "import os; os.setuid(54321)\nfrom green_logic.settings import config_dir\n"
        "from green_logic.errors import ConfigurationError\n"
        "try: config_dir()\nexcept ConfigurationError as error: print(error.message, '|', error.hint)"
    )
    # imported before the change of user, who may not be able to read the checkout
    code = "import green_logic.settings, green_logic.errors\n" + code
    env = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_CONFIG_HOME"}}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "this user has no home directory | set XDG_CONFIG_HOME to a directory\n"


def test_settings_cannot_be_changed_and_everything_lies_in_the_data_directory():
    settings = Settings(data_dir=Path("d"))
    with pytest.raises(AttributeError):
        settings.retries = 9
    places = (settings.database, settings.dboms, settings.rejected, settings.not_evaluated, settings.spool)
    assert all(place.parent == Path("d") for place in places)
