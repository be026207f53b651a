import asyncio
import json
import re
import stat
from pathlib import Path

import pytest

from lakeshare.bootstrap import local_services
from lakeshare.settings import load_settings

DAY_MS = 86_400_000


def test_a_new_recipient_gets_a_link(run):
    created = run("recipient", "create", "partner_co")
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/activate/[\w-]{64}", created.link())
    assert "lakeshare grant SHARE --to partner_co" in created.stdout
    (token,) = run("recipient", "show", "partner_co", "--json").document()["tokens"]
    assert token["state"] == "link open"
    assert token["link_expires_at"] - token["created_at"] == 7 * DAY_MS
    assert token["expires_at"] - token["created_at"] == 30 * DAY_MS


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("90s", 90_000), ("15m", 900_000), ("12h", 43_200_000), ("4w", 28 * DAY_MS)]
)
def test_a_token_lives_as_long_as_asked(run, text, milliseconds):
    run("recipient", "create", "partner_co", "--expires-in", text)
    (token,) = run("recipient", "show", "partner_co", "--json").document()["tokens"]
    assert token["expires_at"] - token["created_at"] == milliseconds
    assert token["link_expires_at"] - token["created_at"] == min(7 * DAY_MS, milliseconds)


@pytest.mark.parametrize("text", ["30", "d", "0d", "-1d", "1.5h", "30 days", "٣d", "99999999w", ""])
def test_a_length_of_time_that_cannot_be_used_is_a_usage_error(run, text):
    assert "30d" in run("recipient", "create", "partner_co", f"--expires-in={text}", expect=2).stderr
    assert run("recipient", "list", "--json").document() == {"recipients": []}


def test_a_guessed_address_is_warned_about_and_a_set_one_is_used(run, monkeypatch, tmp_path):
    assert "Warning: " in run("recipient", "create", "one").stderr
    assert "Warning: " in run("recipient", "create", "two", "--profile", str(tmp_path / "two.share")).stderr
    monkeypatch.setenv("LAKESHARE_PUBLIC_URL", "https://share.example.com/")
    created = run("recipient", "create", "three")
    assert created.stderr == ""
    assert created.link().startswith("https://share.example.com/activate/")


def test_links_use_the_address_that_the_server_stored(run, home: Path):
    async def serve_once() -> None:
        async with local_services(load_settings(home)) as services:
            await services.catalog.set_public_url("https://stored.example.com")

    asyncio.run(serve_once())
    created = run("recipient", "create", "partner_co")
    assert created.link().startswith("https://stored.example.com/activate/")
    assert created.stderr == ""


def test_a_profile_is_written_for_its_owner_alone_and_no_link_is_made(run, tmp_path: Path):
    path = tmp_path / "config.share"
    created = run("recipient", "create", "partner_co", "--profile", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    profile = json.loads(path.read_bytes())
    assert profile["shareCredentialsVersion"] == 1
    assert profile["endpoint"] == "http://127.0.0.1:8000/delta-sharing/"
    assert profile["expirationTime"].endswith("Z")
    assert profile["bearerToken"] not in created.stdout + created.stderr
    assert "/activate/" not in created.stdout
    (token,) = run("recipient", "show", "partner_co", "--json").document()["tokens"]
    assert token["state"] == "active"


def test_a_profile_never_overwrites_a_file_and_nothing_is_half_done(run, tmp_path: Path):
    path = tmp_path / "config.share"
    path.write_text("mine")
    refused = run("recipient", "create", "partner_co", "--profile", str(path), expect=1)
    assert "not overwritten" in refused.stderr
    assert path.read_text() == "mine"
    assert run("recipient", "list", "--json").document() == {"recipients": []}


def test_a_profile_is_not_written_through_a_symlink(run, tmp_path: Path):
    link = tmp_path / "config.share"
    link.symlink_to(tmp_path / "elsewhere")
    run("recipient", "create", "partner_co", "--profile", str(link), expect=1)
    assert not (tmp_path / "elsewhere").exists()


def test_a_profile_that_cannot_be_made_leaves_no_recipient(run, tmp_path: Path):
    refused = run("recipient", "create", "partner_co", "--profile", str(tmp_path / "no" / "config.share"), expect=1)
    assert "cannot be made" in refused.stderr
    assert run("recipient", "list", "--json").document() == {"recipients": []}


def test_a_refused_recipient_leaves_no_profile(run, tmp_path: Path):
    run("recipient", "create", "partner_co")
    run("recipient", "create", "partner_co", "--profile", str(tmp_path / "config.share"), expect=1)
    assert not (tmp_path / "config.share").exists()


def test_rotation_ends_the_old_token_and_prints_a_new_link(run):
    first = run("recipient", "create", "partner_co", "--expires-in", "4w").link()
    rotated = run("recipient", "rotate", "partner_co")
    assert rotated.link() != first
    assert "Issued URLs stop working by" in rotated.stdout
    old, new = run("recipient", "show", "partner_co", "--json").document()["tokens"]
    assert old["state"] == "expired"
    assert old["expires_at"] == new["created_at"]
    assert new["state"] == "link open"
    assert new["expires_at"] - new["created_at"] == 28 * DAY_MS


def test_recipients_are_listed_with_their_token_and_shares(run, shared):
    listed = run("recipient", "list").stdout
    assert re.search(r"partner_co\s+link open until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\s+retail", listed)
    (document,) = run("recipient", "list", "--json").document()["recipients"]
    assert document["shares"] == ["retail"]


def test_a_list_without_recipients_says_the_next_command(run):
    assert "lakeshare recipient create NAME" in run("recipient", "list").stdout
    run("recipient", "create", "partner_co")
    assert "lakeshare grant SHARE --to partner_co" in run("recipient", "show", "partner_co").stdout


def test_lists_and_shows_hold_no_secret(run, tmp_path: Path):
    code = run("recipient", "create", "linked").link().rpartition("/")[2]
    run("recipient", "create", "minted", "--profile", str(tmp_path / "config.share"))
    token = json.loads((tmp_path / "config.share").read_bytes())["bearerToken"]
    for words in (["recipient", "list"], ["recipient", "show", "linked"], ["recipient", "show", "minted"], ["audit"]):
        for output in (run(*words), run(*words, "--json")):
            assert code not in output.stdout + output.stderr
            assert token not in output.stdout + output.stderr
            assert "token_hash" not in output.stdout


def test_secrets_are_nowhere_in_the_state(run, home: Path, tmp_path: Path):
    code = run("recipient", "create", "linked").link().rpartition("/")[2]
    run("recipient", "create", "minted", "--profile", str(tmp_path / "config.share"))
    run("recipient", "rotate", "linked")
    token = json.loads((tmp_path / "config.share").read_bytes())["bearerToken"]
    state = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"linked" in state
    assert code.encode() not in state
    assert token.encode() not in state


def test_a_deleted_recipient_is_gone_with_its_grants(run, shared):
    assert "Issued URLs stop working by" in run("recipient", "delete", "partner_co").stdout
    assert run("recipient", "list", "--json").document() == {"recipients": []}
    assert run("share", "show", "retail", "--json").document()["recipients"] == []


def test_absent_recipients_are_refused_by_name(run):
    for command in ("show", "rotate", "delete"):
        assert "nobody" in run("recipient", command, "nobody", expect=1).stderr


def test_names_that_cannot_be_used_or_are_taken_are_refused(run):
    run("recipient", "create", "partner_co")
    assert "partner_co" in run("recipient", "create", "Partner_Co", expect=1).stderr.casefold()
    assert "a slash" in run("recipient", "create", "a/b", expect=1).stderr
