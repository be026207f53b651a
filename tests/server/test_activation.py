"""The activation page, and the one moment at which a token is seen."""

import asyncio
import base64
import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from lakeshare.catalog.model import Recipient, RecipientToken
from lakeshare.errors import LinkSpent, Unavailable
from lakeshare.governance.activation import activation_code
from lakeshare.governance.keys import Keyring
from lakeshare.governance.tokens import is_well_formed, token_hash
from lakeshare.operations.activate_recipient import mint_profile
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.profile import Profile, decode_profile

DAY = 86_400_000


@dataclass
class Invited:
    """The application, and a recipient in it whose link has not been used."""

    provider: object
    recipient: Recipient
    token: RecipientToken

    @property
    def services(self) -> Services:
        return self.provider.served

    @property
    def path(self) -> str:
        return f"/activate/{activation_code(self.services.keyring, self.token.id, self.token.issue)}"

    async def get(self, path: str | None = None) -> httpx.Response:
        return await self.provider.client.get(path or self.path)

    async def post(self, path: str | None = None) -> httpx.Response:
        return await self.provider.client.post(path or self.path)

    async def stored(self) -> RecipientToken:
        return (await self.services.catalog.token(self.token.id))[1]

    def change(self, **changes) -> None:
        self.provider.app.state.services = replace(self.services, **changes)


@pytest.fixture
async def invited(provider) -> Invited:
    now = provider.served.clock()
    recipient = Recipient(str(uuid.uuid4()), "partner_co", now)
    token = RecipientToken(str(uuid.uuid4()), recipient.id, 1, now, now + 7 * DAY, expires_at=now + 30 * DAY)
    async with provider.admin() as services:
        await services.catalog.create_recipient(recipient, token)
    return Invited(provider, recipient, token)


class Page(HTMLParser):
    """A page's elements and visible text."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.style, self._tag = "", ""
        self.feed(response.text)
        visible = re.sub(r"<style>.*</style>|<[^>]*>", " ", response.text, flags=re.DOTALL)
        self.text = " ".join(unescape(visible).split())

    def handle_starttag(self, tag, attrs) -> None:
        self._tag = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if self._tag == "style":
            self.style += data
        self._tag = ""

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


def downloaded(response: httpx.Response) -> Profile:
    """The profile behind the page's download button."""
    [link] = Page(response).find("a")
    assert link["download"] == "config.share"
    head, _, data = link["href"].partition(",")
    assert head == "data:application/octet-stream;base64"
    return decode_profile(base64.b64decode(data, validate=True))


# The happy way


async def test_opening_the_link_tells_what_it_is_for_and_uses_nothing_up(invited: Invited):
    for _ in range(3):
        response = await invited.get()
        assert response.status_code == 200
        page = Page(response)
        assert "partner_co" in page.text
        assert page.find("form") == [{"method": "post"}]
        assert len(page.find("button")) == 1
        assert "lks_" not in response.text
    assert (await invited.provider.client.head(invited.path)).status_code == 200
    assert (await invited.stored()).token_hash is None


async def test_the_button_gives_a_profile_that_opens_the_recipients_access(invited: Invited):
    profile = downloaded(await invited.post())
    assert profile.share_credentials_version == 1
    assert profile.endpoint == "http://testserver/delta-sharing/"
    assert is_well_formed(profile.bearer_token)
    access = await invited.services.access.access(token_hash(profile.bearer_token))
    assert access is not None
    assert access.recipient == invited.recipient


async def test_the_profile_says_when_it_ends(invited: Invited):
    invited.change(clock=lambda: invited.token.created_at)
    expires_at = (await invited.stored()).expires_at
    profile = downloaded(await invited.post())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", profile.expiration_time)
    assert round(datetime.fromisoformat(profile.expiration_time).timestamp() * 1000) == expires_at


async def test_a_token_that_never_ends_has_no_end_in_its_profile(provider):
    now = provider.served.clock()
    recipient = Recipient(str(uuid.uuid4()), "forever", now)
    token = RecipientToken(str(uuid.uuid4()), recipient.id, 1, now, now + DAY)
    async with provider.admin() as services:
        await services.catalog.create_recipient(recipient, token)
    invited = Invited(provider, recipient, token)
    assert (await invited.get()).status_code == 200
    assert downloaded(await invited.post()).expiration_time is None


async def test_only_the_hash_of_the_token_is_kept(invited: Invited):
    bearer_token = downloaded(await invited.post()).bearer_token
    stored = await invited.stored()
    assert stored.token_hash == token_hash(bearer_token)
    assert stored.activated_at is not None
    for file in invited.provider.settings.home.rglob("*"):
        assert not file.is_file() or bearer_token.encode() not in file.read_bytes(), file


async def test_the_text_to_copy_is_the_file(invited: Invited):
    response = await invited.post()
    [text] = re.findall(r"<pre[^>]*>(\{.*?)</pre>", response.text, re.DOTALL)
    assert decode_profile(unescape(text).encode()) == downloaded(response)


# Links that open nothing


async def test_a_used_link_says_so_and_whom_to_ask(invited: Invited):
    await invited.post()
    for response in (await invited.get(), await invited.post()):
        assert response.status_code == 410
        text = Page(response).text
        assert "was used" in text
        assert "provider" in text
        assert "lks_" not in response.text
        assert Page(response).find("form") == []


async def test_of_many_who_press_at_once_one_gets_the_token(invited: Invited):
    responses = await asyncio.gather(*(invited.post() for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [200] + [410] * 19
    [won] = [response for response in responses if response.status_code == 200]
    assert (await invited.stored()).token_hash == token_hash(downloaded(won).bearer_token)


@pytest.mark.parametrize("moment", ["link_expires_at", "expires_at"])
async def test_a_link_ends_when_it_or_its_token_expires(invited: Invited, moment: str):
    end = getattr(invited.token, moment)
    if moment == "expires_at":
        end = invited.token.created_at + DAY
        new = replace(invited.token, id=str(uuid.uuid4()))
        async with invited.provider.admin() as services:
            await services.catalog.rotate_token(invited.recipient.id, new, old_expires_at=end)
    invited.change(clock=lambda: end - 1)
    assert (await invited.get()).status_code == 200
    invited.change(clock=lambda: end)
    for response in (await invited.get(), await invited.post()):
        assert response.status_code == 410
        assert "expired" in Page(response).text
    assert (await invited.stored()).token_hash is None


async def test_a_link_of_an_earlier_issue_was_replaced(provider):
    now = provider.served.clock()
    recipient = Recipient(str(uuid.uuid4()), "partner_co", now)
    token = RecipientToken(str(uuid.uuid4()), recipient.id, 3, now, now + DAY)
    async with provider.admin() as services:
        await services.catalog.create_recipient(recipient, token)
    invited = Invited(provider, recipient, token)
    for issue, status in [(0, 404), (1, 410), (2, 410), (3, 200), (4, 404)]:
        response = await invited.get(f"/activate/{activation_code(provider.served.keyring, token.id, issue)}")
        assert response.status_code == status
        assert ("replaced" in response.text) == (status == 410)


async def test_a_link_dies_with_its_recipient(invited: Invited):
    async with invited.provider.admin() as services:
        await services.catalog.delete_recipient("partner_co")
    assert (await invited.get()).status_code == 404


async def test_a_guesser_cannot_tell_a_used_link_from_one_that_never_was(invited: Invited):
    """Whoever knows a token's id, but not the server's key, learns nothing of it."""
    forger = Keyring(b"f" * 32)
    forged = f"/activate/{activation_code(forger, invited.token.id, 1)}"
    unused = await invited.get(forged)
    await invited.post()
    used = await invited.get(forged)
    never = await invited.get(f"/activate/{activation_code(forger, str(uuid.uuid4()), 1)}")
    nonsense = [await invited.get(f"/activate/{text}") for text in ("x", "", "a/b", "%00", "%FF", "x" * 5000, "é")]
    answers = [unused, used, never, *nonsense]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, unused.text)}
    assert {tuple(sorted(answer.headers.items())) for answer in answers} == {tuple(sorted(unused.headers.items()))}
    assert (await invited.post(forged)).status_code == 404


async def test_a_link_that_lost_a_letter_asks_for_the_whole_link(invited: Invited):
    response = await invited.get(invited.path[:-1])
    assert response.status_code == 404
    assert "Copy the whole link" in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(invited: Invited, method: str):
    response = await invited.provider.client.request(method, invited.path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


# What a browser may do with the page


async def test_no_page_is_kept_told_on_framed_or_scripted(invited: Invited):
    for response in (await invited.get(), await invited.post(), await invited.get(), await invited.get("/activate/x")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
        page = Page(response)
        style_hash = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        assert policy == {
            "default-src": "'none'",
            "style-src": f"'sha256-{style_hash}'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        for tag, attributes in page.elements:
            assert tag not in {"script", "img", "link", "iframe", "object"}
            assert not {name for name in attributes if name.startswith("on") or name in {"style", "src", "action"}}


async def test_a_page_is_readable_by_a_screen_reader(invited: Invited):
    for response in (await invited.get(), await invited.post(), await invited.get()):
        page = Page(response)
        assert page.find("html") == [{"lang": "en"}]
        assert len(page.find("title")) == len(page.find("main")) == len(page.find("h1")) == 1


# Audit


def actions(invited: Invited) -> list[tuple[str, int, dict[str, str]]]:
    return [
        (event.action_name, event.response.status_code, event.request_params) for event in invited.provider.events()
    ]


async def test_looking_using_and_trying_again_are_audited(invited: Invited):
    await invited.get()
    await invited.post()
    await invited.post()
    await invited.get()
    named = {"recipient_name": "partner_co"}
    assert actions(invited) == [
        ("getActivationUrlInfo", 200, named),
        ("retrieveRecipientToken", 200, named),
        ("retrieveRecipientToken", 410, named),
        ("getActivationUrlInfo", 410, named),
    ]


async def test_a_guess_is_audited_without_the_code(invited: Invited):
    forged = activation_code(Keyring(b"f" * 32), invited.token.id, 1)
    await invited.post(f"/activate/{forged}")
    assert actions(invited) == [("retrieveRecipientToken", 404, {})]
    [event] = invited.provider.events()
    assert event.user_agent.startswith("python-httpx/")
    assert forged not in repr(event)


class FullDisk:
    """An audit log that cannot be written."""

    def record(self, _: object) -> None:
        raise Unavailable("The audit log cannot be written.", detail="/var/audit: No space left on device")


async def test_nobody_gets_a_token_that_is_not_audited(invited: Invited):
    invited.change(audit=FullDisk())
    for response in (await invited.get(), await invited.post()):
        assert response.status_code == 503
        assert "lks_" not in response.text
        assert "/var/audit" not in response.text


# Without a link, as the command line does it


async def test_a_profile_can_be_minted_without_a_link_and_only_once(invited: Invited):
    async with invited.provider.admin() as services:
        profile = await mint_profile(services, Caller("admin"), invited.recipient, invited.token)
        assert (await invited.stored()).token_hash == token_hash(profile.bearer_token)
        with pytest.raises(LinkSpent):
            await mint_profile(services, Caller("admin"), invited.recipient, invited.token)
    assert (await invited.get()).status_code == 410


async def test_an_unexpected_failure_tells_the_reader_nothing_of_its_inside(invited: Invited):
    class Broken:
        async def token(self, _: str) -> None:
            raise RuntimeError("/srv/secret/path")

    invited.change(catalog=Broken())
    response = await invited.get()
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Tell the provider" in response.text
