"""Every command and snippet of the README and the docs is run, in order, as its reader would run it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakeshare.demo.lakehouse import write_lakehouse
from running import free_port, lakeshare, running_server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROVIDERS_PAGES = [page for page in PAGES if page.name != "recipients.md" and "```console" in page.read_text()]
DOCUMENTED_PORT = "8000"
OFFICIAL_CLIENT = ROOT / ".venv-client" / "bin" / "python"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lakehouse that `make demo` leaves behind."""
    place = tmp_path_factory.mktemp("sample")
    write_lakehouse(place / "lakeshare-demo" / "lakehouse", rows=5_000)
    return place


@pytest.mark.parametrize("page", PROVIDERS_PAGES, ids=lambda page: page.name)
def test_every_console_command_works(page: Path, sample: Path, tmp_path: Path):
    shutil.copytree(sample, tmp_path, dirs_exist_ok=True)
    commands = [line[2:] for kind, _, body in blocks(page) if kind == "console" for line in body.splitlines()]
    assert commands
    run_script([runnable(command) for command in commands], tmp_path)


def test_every_snippet_for_recipients_works(sample: Path, tmp_path: Path):
    home = tmp_path / "home"
    shutil.copytree(sample, tmp_path, dirs_exist_ok=True)
    location = tmp_path / "lakeshare-demo" / "lakehouse" / "acme_corp" / "retail" / "customers"
    lakeshare("table", "create", "acme_corp.retail.customers", "--location", str(location), home=home)
    lakeshare("share", "create", "external_retail", home=home)
    lakeshare("share", "add", "external_retail", "acme_corp.retail.customers", "--history", home=home)
    with running_server(home):
        lakeshare("recipient", "create", "partner_co", "--profile", str(tmp_path / "config.share"), home=home)
        lakeshare("grant", "external_retail", "--to", "partner_co", home=home)
        snippets = [block for block in blocks(ROOT / "README.md") if block[0] == "python"]
        ran = [run_block(*block, tmp_path) for block in [*snippets, *blocks(ROOT / "docs" / "recipients.md")]]
    assert ran.count("console") == 1
    assert ran.count("python") == 1
    assert ran.count("official") == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def blocks(page: Path) -> list[tuple[str, str, str]]:
    return [(kind, words.strip(), body) for kind, words, body in BLOCK.findall(page.read_text())]


def run_block(kind: str, words: str, body: str, place: Path) -> str:
    """Runs one block, and tells how."""
    if kind == "console":
        run_script([runnable(line[2:]) for line in body.splitlines()], place)
        return "console"
    if kind == "python" and words in ("official", "official history"):
        assert OFFICIAL_CLIENT.exists(), "The official client's environment is not there. Run `make test`."
        subprocess.run([OFFICIAL_CLIENT, "-c", body], cwd=place, check=True, timeout=120)
        return "official"
    if kind == "python" and words == "":
        subprocess.run([sys.executable, "-W", "error", "-c", body], cwd=place, check=True, timeout=120)
        return "python"
    assert words == "spark", f"A block of {kind} {words} is not run by any test."
    return "spark"


def run_script(commands: list[str], place: Path) -> None:
    """One shell, so that what one line exports the next one sees."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LAKESHARE_")}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands).replace(DOCUMENTED_PORT, str(free_port()))],
        cwd=place, capture_output=True, text=True, check=False, timeout=300, env={**environment, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def runnable(command: str) -> str:
    """The command as a test can run it: a server goes into the background, and the set-up is not done again."""
    words = shlex.split(command)
    if words[:2] == ["lakeshare", "serve"]:
        answers = f"(echo > /dev/tcp/127.0.0.1/{DOCUMENTED_PORT}) 2> /dev/null"
        return f"{command} & trap 'kill -INT %1; wait' EXIT\nuntil {answers}; do sleep 0.1; done"
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"The Makefile has no {words[1]}."
        return "true"
    if words[:2] == ["pip", "install"] or words[:2] == ["source", ".venv/bin/activate"]:
        return "true"
    return command
