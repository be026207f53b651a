"""`lakeshare demo`, as a newcomer runs it."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from lakeshare.demo.walkthrough import snippets
from lakeshare.protocol.profile import decode_profile
from running import LAKESHARE, free_port, lakeshare, plain

OFFICIAL_CLIENT = Path(__file__).parents[2] / ".venv-client" / "bin" / "python"


def test_demo_shows_everything_and_serves_until_ctrl_c(tmp_path: Path):
    home, port = tmp_path / "demo", free_port()
    output = tmp_path / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [LAKESHARE, "demo", "--home", str(home), "--port", str(port)], stdout=file, stderr=file, cwd=tmp_path
        )
    try:
        shown = wait_for("Serving", output, process)
        assert f"http://127.0.0.1:{port}/delta-sharing" in shown
        assert "Enterprise" in shown
        assert (home / "revenue_by_segment.png").read_bytes().startswith(b"\x89PNG")

        profile = home / "partner_co.share"
        assert (profile.stat().st_mode & 0o777) == 0o600
        pandas, polars, spark = snippets(f"{profile}#external_retail.retail.sales_transactions").values()
        assert [len(code.splitlines()) for code in (pandas, polars, spark)] == [5, 5, 5]
        assert "América Latina" in run(sys.executable, polars)
        assert OFFICIAL_CLIENT.exists(), "The official client's environment is not there. Run `make test`."
        assert "América Latina" in run(OFFICIAL_CLIENT, pandas)

        [link] = re.findall(r"http://\S+/activate/\S+", shown)
        assert httpx.get(link).status_code == 200
        page = httpx.post(link)
        assert page.status_code == 200
        assert "config.share" in page.text
        assert httpx.post(link).status_code == 410

        shares = lakeshare("share", "list", "--json", home=home).stdout
        assert shares.index("external_retail") < shares.index("open_flights")
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    decode_profile(profile.read_bytes())


def test_check_succeeds_and_can_be_run_again(tmp_path: Path):
    for _ in range(2):
        done = lakeshare("demo", "--check", "--port", str(free_port()), home=tmp_path / "demo")
        assert "What was read equals what was written." in plain(done.stdout)


def test_demo_leaves_a_home_alone_that_is_no_demo(tmp_path: Path):
    home = tmp_path / "home"
    lakeshare("share", "create", "mine", home=home)
    done = lakeshare("demo", "--check", home=home, check=False)
    assert done.returncode == 1
    assert "is not a demo" in plain(done.stderr)
    assert "mine" in lakeshare("share", "list", home=home).stdout


def test_a_taken_port_is_said_so(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = lakeshare("demo", "--check", "--port", str(port), home=tmp_path / "demo", check=False)
    assert done.returncode == 1
    assert f"port {port}" in plain(done.stderr)


def wait_for(text: str, output: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while text not in (shown := plain(output.read_text())):
        assert process.poll() is None, shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    return shown


def run(python: str | Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
