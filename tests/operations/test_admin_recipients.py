import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakeshare.bootstrap import local_services
from lakeshare.catalog.model import RecipientToken
from lakeshare.errors import AlreadyExists, InvalidValue, NotFound
from lakeshare.governance.activation import is_genuine
from lakeshare.governance.tokens import token_hash
from lakeshare.operations.create_recipient import create_recipient, create_recipient_with_profile
from lakeshare.operations.create_share import create_share
from lakeshare.operations.delete_recipient import delete_recipient
from lakeshare.operations.describe_recipient import TokenState, describe_recipient, list_recipients, token_state
from lakeshare.operations.describe_share import describe_share, list_shares
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.invitation import LINK_LIFETIME_MS
from lakeshare.operations.issued_urls import issued_urls_end
from lakeshare.operations.revoke_share import revoke_share
from lakeshare.operations.rotate_token import rotate_token
from lakeshare.operations.services import Caller, Services
from lakeshare.settings import Settings

ALICE = Caller(name="alice")
NOW = 1_762_173_296_789
HOUR_MS = 3_600_000


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with local_services(Settings(home=tmp_path, secret_key=bytes(32), url_seconds=600)) as services:
        yield at(services, NOW)


def at(services: Services, now: int) -> Services:
    return replace(services, clock=lambda: now)


def audited(home: Path) -> list[dict]:
    return [json.loads(line) for line in (home / "audit" / "admin.jsonl").read_text().splitlines()]


async def test_an_invitation_holds_a_genuine_link(services):
    invitation = await create_recipient(services, ALICE, "partner_co")
    address, _, code = invitation.link.rpartition("/")
    assert address == "http://127.0.0.1:8000/activate"
    assert is_genuine(services.keyring, code, invitation.token.id, invitation.token.issue)
    assert code not in repr(invitation)


async def test_no_link_or_token_is_audited(services, tmp_path):
    invitation = await create_recipient(services, ALICE, "linked")
    rotated = await rotate_token(services, ALICE, "linked")
    _, profile = await create_recipient_with_profile(services, ALICE, "minted")
    await delete_recipient(services, ALICE, "linked")
    text = (tmp_path / "audit" / "admin.jsonl").read_text()
    for secret in (invitation.link, rotated.link, profile.bearer_token):
        assert secret.rpartition("/")[2] not in text
    actions = [event["action_name"] for event in audited(tmp_path)]
    assert actions[:3] == ["createRecipient", "rotateRecipientToken", "createRecipient"]
    assert actions[-1] == "deleteRecipient"


async def test_a_minted_profile_opens_what_is_granted_until_the_recipient_dies(services):
    recipient, profile = await create_recipient_with_profile(services, ALICE, "partner_co")
    await create_share(services, ALICE, "retail")
    await grant_share(services, ALICE, "retail", "partner_co")
    access = await services.catalog.access(token_hash(profile.bearer_token))
    assert access.recipient == recipient
    assert list(access.shares) == ["retail"]
    await delete_recipient(services, ALICE, "partner_co")
    assert await services.catalog.access(token_hash(profile.bearer_token)) is None


async def test_rotation_ends_older_tokens_now_and_keeps_the_length_of_life(services):
    _, profile = await create_recipient_with_profile(services, ALICE, "partner_co", lifetime_ms=48 * HOUR_MS)
    later = at(services, NOW + HOUR_MS)
    rotated = await rotate_token(later, ALICE, "partner_co")
    assert rotated.token.expires_at == NOW + HOUR_MS + 48 * HOUR_MS
    old = (await services.catalog.access(token_hash(profile.bearer_token))).token
    assert not old.is_live(NOW + HOUR_MS)
    again = await rotate_token(at(services, NOW + 2 * HOUR_MS), ALICE, "partner_co")
    assert again.token.expires_at - again.token.created_at == 48 * HOUR_MS


async def test_a_link_that_was_replaced_cannot_be_used(services):
    first = (await create_recipient(services, ALICE, "partner_co")).token
    second = (await rotate_token(at(services, NOW + 1), ALICE, "partner_co")).token
    assert not await services.catalog.activate_token(first.id, first.issue, bytes(32), NOW + 2)
    assert await services.catalog.activate_token(second.id, second.issue, bytes(32), NOW + 2)


async def test_a_link_never_outlives_its_token(services):
    short = (await create_recipient(services, ALICE, "short", lifetime_ms=HOUR_MS)).token
    assert short.link_expires_at == short.expires_at == NOW + HOUR_MS
    long = (await create_recipient(services, ALICE, "long", lifetime_ms=100 * LINK_LIFETIME_MS)).token
    assert long.link_expires_at == NOW + LINK_LIFETIME_MS


def test_the_state_of_a_token_at_every_time():
    token = RecipientToken("t", "r", 1, created_at=0, link_expires_at=10, expires_at=20)
    assert token_state(token, 9) == TokenState("link open", 10)
    assert token_state(token, 10) == TokenState("link expired", 10)
    assert token_state(token, 20) == TokenState("expired", 20)
    active = replace(token, token_hash=bytes(32), activated_at=5)
    assert token_state(active, 19) == TokenState("active", 20)
    assert token_state(active, 20) == TokenState("expired", 20)
    assert token_state(replace(active, expires_at=None), 10**15) == TokenState("active", None)


async def test_grants_and_revocations_tell_whether_they_changed_anything(services, tmp_path):
    await create_share(services, ALICE, "Retail")
    await create_recipient(services, ALICE, "partner_co")
    assert (await grant_share(services, ALICE, "retail", "PARTNER_CO")).is_new
    assert not (await grant_share(services, ALICE, "retail", "partner_co")).is_new
    assert [recipient.name for recipient in (await describe_share(services, "retail")).recipients] == ["partner_co"]
    assert [share.name for share in (await describe_recipient(services, "partner_co")).shares] == ["Retail"]
    assert (await revoke_share(services, ALICE, "RETAIL", "partner_co")).was_granted
    assert not (await revoke_share(services, ALICE, "retail", "partner_co")).was_granted
    changes = [event for event in audited(tmp_path) if event["action_name"] == "updateSharePermissions"]
    assert [event["request_params"]["name"] for event in changes] == ["Retail", "Retail"]
    assert [json.loads(event["request_params"]["changes"]) for event in changes] == [
        [{"principal": "partner_co", "add": ["SELECT"]}],
        [{"principal": "partner_co", "remove": ["SELECT"]}],
    ]


async def test_every_grant_change_moves_the_revision(services):
    await create_share(services, ALICE, "retail")
    await create_recipient(services, ALICE, "partner_co")
    revisions = [await services.catalog.revision()]
    await grant_share(services, ALICE, "retail", "partner_co")
    revisions.append(await services.catalog.revision())
    await revoke_share(services, ALICE, "retail", "partner_co")
    revisions.append(await services.catalog.revision())
    assert revisions == sorted(set(revisions))


def test_issued_urls_end_one_life_after_now(services):
    assert issued_urls_end(services) == NOW + 600_000


async def test_lists_are_in_name_order(services):
    for name in ("zoe", "Adam", "eve"):
        await create_recipient(services, ALICE, name)
        await create_share(services, ALICE, name)
    assert [described.recipient.name for described in await list_recipients(services)] == ["Adam", "eve", "zoe"]
    assert [described.share.name for described in await list_shares(services)] == ["Adam", "eve", "zoe"]


async def test_refusals_change_and_audit_nothing(services, tmp_path):
    await create_recipient(services, ALICE, "partner_co")
    before = await services.catalog.revision()
    with pytest.raises(AlreadyExists):
        await create_recipient(services, ALICE, "Partner_CO")
    with pytest.raises(InvalidValue):
        await create_recipient(services, ALICE, "a b")
    for change in (
        rotate_token(services, ALICE, "nobody"),
        delete_recipient(services, ALICE, "nobody"),
        grant_share(services, ALICE, "nothing", "partner_co"),
        revoke_share(services, ALICE, "nothing", "partner_co"),
    ):
        with pytest.raises(NotFound):
            await change
    assert await services.catalog.revision() == before
    assert len(audited(tmp_path)) == 1
