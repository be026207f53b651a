import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from lakeshare.cli.app import EXTRAS

HEAVY = ["polars", "sqlalchemy", "starlette", "httpx", "pyarrow", "duckdb", "deltalake", "uvicorn", "jinja2"]
COMMANDS = [
    ["serve"],
    ["demo"],
    ["grant"],
    ["revoke"],
    ["audit"],
    ["read"],
    *(["table", name] for name in ("create", "list", "show", "delete")),
    *(["share", name] for name in ("create", "add", "remove", "list", "show", "delete")),
    *(["recipient", name] for name in ("create", "list", "show", "rotate", "delete")),
]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["recipient", "create", "--help"], ["read", "--help"]])
def test_help_imports_nothing_heavy(words):
    script = (
        "import sys, atexit, json\n"
        f"atexit.register(lambda: print(json.dumps([m for m in {HEAVY} if m in sys.modules]), file=sys.stderr))\n"
        "from lakeshare.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stdout
    assert json.loads(done.stderr) == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_in_its_help(run, words):
    assert f"lakeshare {' '.join(words)}" in run(*words, "--help").stdout


def test_home_stands_before_or_after_the_command_and_wins_over_the_environment(run, home: Path, tmp_path: Path):
    run("--home", str(tmp_path / "a"), "share", "create", "before")
    run("share", "create", "after", "--home", str(tmp_path / "a"))
    run("--home", str(tmp_path / "b"), "share", "create", "nearest", "--home", str(tmp_path / "a"))
    shares = run("share", "list", "--json", "--home", str(tmp_path / "a")).document()["shares"]
    assert [share["name"] for share in shares] == ["after", "before", "nearest"]
    assert not (tmp_path / "b").exists()
    assert not home.exists()


def test_unknown_commands_and_missing_arguments_are_usage_errors(run):
    assert "frobnicate" in run("frobnicate", expect=2).stderr
    assert "--location" in run("table", "create", "a.b.c", expect=2).stderr
    assert "--port" in run("serve", "--port", "70000", expect=2).stderr


def test_settings_that_cannot_be_used_are_refused_in_words(run, monkeypatch):
    monkeypatch.setenv("LAKESHARE_URL_SECONDS", "soon")
    assert run("share", "list", expect=1).stderr.startswith("Error: LAKESHARE_URL_SECONDS")


def test_trouble_with_the_disk_is_told_in_words(run, home: Path):
    (home / "secret.key").mkdir(parents=True)
    refused = run("share", "list", expect=1).stderr
    assert refused == f"Error: {home}/secret.key: Is a directory.\n"


@pytest.mark.parametrize(("module", "extra"), [("sqlalchemy", "server"), ("uvicorn", "server")])
def test_a_missing_extra_is_told_with_the_command_that_installs_it(tmp_path: Path, module, extra):
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"sys.argv = ['lakeshare', '--home', {str(tmp_path)!r}, 'share', 'list']\n"
        "from lakeshare.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'lakeshare[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_extras_that_errors_name_are_those_of_the_package():
    distributions: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            distributions.setdefault(_canonical(name), set()).add(module)
    asked = {extra: _distributions_of(extra) for extra in EXTRAS}
    asked["demo"] -= asked["server"]
    for extra, modules in EXTRAS.items():
        assert len(asked[extra]) == len(modules)
        assert all(distributions[name] & modules for name in asked[extra])


def test_an_address_that_is_none_is_refused_before_serving(run):
    assert "'share.example.com'" in run("serve", "--public-url", "share.example.com", expect=1).stderr


def test_two_command_lines_at_once_lose_nothing(home: Path):
    script = (
        "import sys; from lakeshare.cli import app\n"
        "sys.stdin.readline()\n"
        "for n in range(5):\n"
        "    app(['--home', sys.argv[1], 'share', 'create', f'{sys.argv[2]}{n}'], standalone_mode=False)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("left", "right", "middle")
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from lakeshare.cli import main; main()",
            "--home",
            str(home),
            "share",
            "list",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {f"{name}{n}" for name in ("left", "right", "middle") for n in range(5)}
    assert {share["name"] for share in json.loads(listed.stdout)["shares"]} == expected
    events = [json.loads(line) for path in (home / "audit").glob("*.jsonl") for line in path.read_text().splitlines()]
    created = [event["request_params"]["name"] for event in events if event["action_name"] == "createShare"]
    assert sorted(created) == sorted(expected)


def _distributions_of(extra: str) -> set[str]:
    marked = [line for line in requires("lakeshare") if line.endswith(f"extra == '{extra}'")]
    return {_canonical(re.match(r"[\w-]+", line)[0]) for line in marked}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
