"""Every method of `CatalogStore`, over every database that is served."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from lakeshare.catalog.schema import grants, recipient_tokens, shared_tables
from lakeshare.errors import AlreadyExists, InvalidValue, NotFound

HASH = b"h" * 32


async def with_one_grant(store, make):
    """A table in a share, granted to a recipient whose token is in use."""
    table, share, recipient = make.table("acme.retail.orders"), make.share("sales"), make.recipient("partner_co")
    shared = make.shared(share, table)
    token = make.token(recipient, token_hash=HASH, activated_at=1, expires_at=50_000)
    await store.create_table(table)
    await store.create_share(share)
    await store.add_to_share(shared)
    await store.create_recipient(recipient, token)
    await store.grant("sales", "partner_co", 5)
    return table, share, shared, recipient, token


def rows_in(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


# Tables


async def test_a_table_is_found_by_name_and_by_id(store, make):
    table = make.table("acme.retail.orders", also=("file:///a", "s3://b/ü c"), format="parquet")
    await store.create_table(table)
    assert await store.table("acme.retail.orders") == table
    assert await store.table("ACME.Retail.ORDERS") == table
    assert await store.table_by_id(table.id) == table


async def test_a_second_table_of_one_name_is_refused(store, make):
    await store.create_table(make.table("acme.retail.Straße"))
    with pytest.raises(
        AlreadyExists, match=re.escape("Table 'acme.RETAIL.STRASSE' already exists. See `lakeshare table show")
    ):
        await store.create_table(make.table("acme.RETAIL.STRASSE"))
    assert [table.name for table in await store.tables()] == ["Straße"]


async def test_one_name_may_stand_in_two_schemas_and_two_catalogs(store, make):
    for name in ("a.s.t", "a.r.t", "b.s.t"):
        await store.create_table(make.table(name))
    assert [table.full_name for table in await store.tables()] == ["a.r.t", "a.s.t", "b.s.t"]


async def test_a_catalog_and_a_schema_keep_their_first_spelling(store, make):
    await store.create_table(make.table("Acme.Retail.a"))
    await store.create_table(make.table("ACME.RETAIL.b"))
    assert [table.full_name for table in await store.tables()] == ["Acme.Retail.a", "Acme.Retail.b"]


async def test_tables_come_in_the_order_of_their_casefolded_names(store, make):
    for name in ("b.x.t", "A.x.t", "a.X.S", "c.ß.t", "c.SR.t", "c.st.t"):
        await store.create_table(make.table(name))
    found = [table.full_name for table in await store.tables()]
    assert found == ["A.x.S", "A.x.t", "b.x.t", "c.SR.t", "c.ß.t", "c.st.t"]


async def test_an_absent_table_is_not_found(store, make):
    for absent in (store.table("a.b.c"), store.delete_table("a.b.c")):
        with pytest.raises(NotFound, match=re.escape("Table 'a.b.c' does not exist. See `lakeshare table list`.")):
            await absent
    with pytest.raises(NotFound, match="No table has the id 'nothing'"):
        await store.table_by_id("nothing")


async def test_a_name_without_three_parts_is_invalid(store):
    with pytest.raises(InvalidValue, match=re.escape("CATALOG.SCHEMA.TABLE")):
        await store.table("orders")


async def test_a_deleted_table_is_gone_and_its_name_is_free(store, make):
    table = make.table("a.b.c")
    await store.create_table(table)
    assert await store.delete_table("A.B.C") == table
    assert await store.tables() == []
    await store.create_table(make.table("a.b.c"))


async def test_a_table_in_shares_cannot_be_deleted_and_the_message_names_them(store, make):
    table = make.table("a.b.c")
    await store.create_table(table)
    for name in ("zebra", "Apple"):
        share = make.share(name)
        await store.create_share(share)
        await store.add_to_share(make.shared(share, table))
    with pytest.raises(InvalidValue, match=r"'a\.b\.c' is still in shares 'Apple', 'zebra'\. Take it out first"):
        await store.delete_table("a.b.c")
    assert await store.table("a.b.c") == table


# Shares


async def test_a_share_is_found_under_any_spelling(store, make):
    share = make.share("Straße", comment="Roads ✓")
    await store.create_share(share)
    assert await store.share("STRASSE") == share


async def test_a_second_share_of_one_name_is_refused(store, make):
    await store.create_share(make.share("Straße"))
    with pytest.raises(
        AlreadyExists, match=re.escape("Share 'STRASSE' already exists. See `lakeshare share show STRASSE`.")
    ):
        await store.create_share(make.share("STRASSE"))


async def test_shares_come_in_the_order_of_their_casefolded_names(store, make):
    for name in ("b", "C", "a", "D"):
        await store.create_share(make.share(name))
    assert [share.name for share in await store.shares()] == ["a", "b", "C", "D"]


async def test_an_absent_share_is_not_found(store, make):
    recipient = make.recipient("r")
    await store.create_recipient(recipient, make.token(recipient))
    for absent in (
        store.share("x"),
        store.delete_share("x"),
        store.shared_tables("x"),
        store.remove_from_share("x", "s", "t"),
        store.grant("x", "r", 1),
        store.revoke("x", "r"),
        store.granted_recipients("x"),
    ):
        with pytest.raises(NotFound, match=re.escape("Share 'x' does not exist. See `lakeshare share list`.")):
            await absent


async def test_a_shared_table_is_listed_under_its_alias(store, make):
    table, share = make.table("a.b.c"), make.share("s")
    shared = make.shared(share, table, "Public.Orders", history=True)
    await store.create_table(table)
    await store.create_share(share)
    await store.add_to_share(shared)
    assert await store.shared_tables("S") == [shared]


async def test_shared_tables_come_in_name_order_and_a_schema_keeps_its_first_spelling(store, make):
    share = make.share("s")
    await store.create_share(share)
    for number, name in enumerate(("Retail.b", "RETAIL.A", "air.z", "retail.C")):
        table = make.table(f"c.s.t{number}")
        await store.create_table(table)
        await store.add_to_share(make.shared(share, table, name))
    found = [shared.shared_as for shared in await store.shared_tables("s")]
    assert found == ["air.z", "Retail.A", "Retail.b", "Retail.C"]


async def test_a_name_is_taken_once_in_a_share(store, make):
    share, first, second = make.share("s"), make.table("a.b.c"), make.table("a.b.d")
    await store.create_share(share)
    await store.create_table(first)
    await store.create_table(second)
    await store.add_to_share(make.shared(share, first, "x.Straße"))
    with pytest.raises(AlreadyExists, match=r"Share 's' already has a table 'x\.Straße'\. Give it another name"):
        await store.add_to_share(make.shared(share, second, "X.STRASSE"))


async def test_a_table_is_in_a_share_once(store, make):
    share, table = make.share("s"), make.table("a.b.c")
    await store.create_share(share)
    await store.create_table(table)
    await store.add_to_share(make.shared(share, table, "x.y"))
    with pytest.raises(AlreadyExists, match=r"Share 's' already has the table 'a\.b\.c', as 'x\.y'\."):
        await store.add_to_share(make.shared(share, table, "x.z"))


async def test_only_what_exists_is_added(store, make):
    share, table = make.share("s"), make.table("a.b.c")
    with pytest.raises(NotFound, match="Share 's' does not exist"):
        await store.add_to_share(make.shared(share, table))
    await store.create_share(share)
    with pytest.raises(NotFound, match="No table has the id"):
        await store.add_to_share(make.shared(share, table))


async def test_a_removed_table_is_gone_from_the_share_alone(store, make):
    table, _, shared, *_ = await with_one_grant(store, make)
    assert await store.remove_from_share("SALES", "Retail", "ORDERS") == shared
    assert await store.shared_tables("sales") == []
    assert await store.table_by_id(table.id) == table
    with pytest.raises(
        NotFound, match=r"Share 'sales' has no table 'retail\.orders'\. See `lakeshare share show sales`"
    ):
        await store.remove_from_share("sales", "retail", "orders")


async def test_a_deleted_share_takes_its_tables_and_grants_with_it(store, make, engine):
    table, share, *_ = await with_one_grant(store, make)
    assert await store.delete_share("Sales") == share
    assert (rows_in(engine, shared_tables), rows_in(engine, grants)) == (0, 0)
    assert await store.granted_shares("partner_co") == []
    assert (await store.access(HASH)).shares == {}
    await store.create_share(make.share("sales"))
    assert await store.shared_tables("sales") == []
    assert await store.granted_recipients("sales") == []
    assert await store.delete_table(table.full_name) == table


# Recipients and tokens


async def test_a_recipient_is_found_under_any_spelling(store, make):
    recipient = make.recipient("Straße")
    token = make.token(recipient)
    await store.create_recipient(recipient, token)
    assert await store.recipient("STRASSE") == recipient
    assert await store.recipient_tokens(recipient.id) == [token]
    assert await store.token(token.id) == (recipient, token)


async def test_a_second_recipient_of_one_name_is_refused_with_its_token(store, make):
    first, second = make.recipient("Straße"), make.recipient("STRASSE")
    token = make.token(second)
    await store.create_recipient(first, make.token(first))
    with pytest.raises(
        AlreadyExists, match=re.escape("Recipient 'STRASSE' already exists. See `lakeshare recipient show STRASSE`")
    ):
        await store.create_recipient(second, token)
    with pytest.raises(NotFound):
        await store.token(token.id)


async def test_recipients_come_in_the_order_of_their_casefolded_names(store, make):
    for name in ("b", "C", "a"):
        recipient = make.recipient(name)
        await store.create_recipient(recipient, make.token(recipient))
    assert [recipient.name for recipient in await store.recipients()] == ["a", "b", "C"]


async def test_an_absent_recipient_is_not_found(store, make):
    await store.create_share(make.share("s"))
    for absent in (
        store.recipient("x"),
        store.delete_recipient("x"),
        store.grant("s", "x", 1),
        store.revoke("s", "x"),
        store.granted_shares("x"),
    ):
        with pytest.raises(NotFound, match=re.escape("Recipient 'x' does not exist. See `lakeshare recipient list`.")):
            await absent
    stranger = make.recipient("stranger")
    with pytest.raises(NotFound, match="No recipient has the id"):
        await store.rotate_token(stranger.id, make.token(stranger), 5)
    with pytest.raises(NotFound, match="No token has the id 'nothing'"):
        await store.token("nothing")
    assert await store.recipient_tokens(stranger.id) == []


async def test_a_deleted_recipient_takes_its_tokens_and_grants_with_it(store, make, engine):
    *_, recipient, token = await with_one_grant(store, make)
    assert await store.delete_recipient("PARTNER_CO") == recipient
    assert (rows_in(engine, recipient_tokens), rows_in(engine, grants)) == (0, 0)
    assert await store.access(HASH) is None
    assert await store.granted_recipients("sales") == []
    with pytest.raises(NotFound):
        await store.token(token.id)


async def test_rotation_ends_the_other_tokens_but_never_later_than_they_end(store, make):
    recipient = make.recipient("r")
    forever, early, late = (make.token(recipient, expires_at=end) for end in (None, 2_000, 9_000))
    new = make.token(recipient, expires_at=20_000)
    await store.create_recipient(recipient, forever)
    await store.rotate_token(recipient.id, early, 10_000)
    await store.rotate_token(recipient.id, late, 10_000)
    await store.rotate_token(recipient.id, new, 5_000)
    ends = [token.expires_at for token in await store.recipient_tokens(recipient.id)]
    assert ends == [5_000, 2_000, 5_000, 20_000]


async def test_rotation_leaves_other_recipients_alone(store, make):
    one, other = make.recipient("one"), make.recipient("other")
    token = make.token(other)
    await store.create_recipient(one, make.token(one))
    await store.create_recipient(other, token)
    await store.rotate_token(one.id, make.token(one), 5)
    assert await store.recipient_tokens(other.id) == [token]


async def test_a_link_is_used_once(store, make):
    recipient = make.recipient("r")
    token = make.token(recipient, link_expires_at=2_000)
    await store.create_recipient(recipient, token)
    assert await store.activate_token(token.id, 1, HASH, 1_999)
    assert not await store.activate_token(token.id, 1, b"i" * 32, 1_999)
    assert await store.recipient_tokens(recipient.id) == [replace(token, token_hash=HASH, activated_at=1_999)]
    assert (await store.access(HASH)).recipient == recipient
    assert await store.access(b"i" * 32) is None


@pytest.mark.parametrize(
    ("values", "issue"),
    [
        ({"link_expires_at": 1_500}, 1),  # the link ended
        ({"expires_at": 1_500}, 1),  # what it would give has ended
        ({"issue": 2}, 1),  # another link replaced it
        ({"token_hash": b"o" * 32, "activated_at": 1}, 1),  # it was used
    ],
)
async def test_a_link_that_is_over_gives_nothing(store, make, values, issue):
    recipient = make.recipient("r")
    token = make.token(recipient, **values)
    await store.create_recipient(recipient, token)
    assert not await store.activate_token(token.id, issue, HASH, 1_500)
    assert await store.recipient_tokens(recipient.id) == [token]


async def test_a_link_that_nobody_made_gives_nothing(store):
    assert not await store.activate_token("nothing", 1, HASH, 1)


async def test_a_rotated_link_gives_nothing(store, make):
    recipient = make.recipient("r")
    token = make.token(recipient)
    await store.create_recipient(recipient, token)
    await store.rotate_token(recipient.id, make.token(recipient), old_expires_at=1_500)
    assert not await store.activate_token(token.id, 1, HASH, 1_500)


# Grants and access


async def test_granting_and_revoking_say_whether_they_changed_anything(store, make):
    await with_one_grant(store, make)
    assert not await store.grant("SALES", "Partner_Co", 6)
    assert await store.revoke("SALES", "Partner_Co")
    assert not await store.revoke("sales", "partner_co")
    assert await store.grant("sales", "partner_co", 7)


async def test_grants_are_listed_from_both_sides_in_name_order(store, make):
    for name in ("b", "A", "c"):
        recipient = make.recipient(name)
        await store.create_share(make.share(name))
        await store.create_recipient(recipient, make.token(recipient))
    for name in ("c", "A", "b"):
        await store.grant("b", name, 1)
        await store.grant(name, "b", 1)
    assert [recipient.name for recipient in await store.granted_recipients("B")] == ["A", "b", "c"]
    assert [share.name for share in await store.granted_shares("B")] == ["A", "b", "c"]


async def test_access_is_everything_that_a_token_opens(store, make):
    _, share, shared, recipient, token = await with_one_grant(store, make)
    await store.create_share(make.share("of_others"))
    await store.create_share(make.share("Empty"))
    await store.grant("empty", "partner_co", 6)

    access = await store.access(HASH)

    assert (access.recipient, access.token) == (recipient, token)
    assert list(access.shares) == ["empty", "sales"]
    sales = access.shares["sales"]
    assert (sales.share, sales.schemas, sales.tables) == (share, ("retail",), (shared,))
    assert sales.by_name == {("retail", "orders"): shared}
    assert access.shares["empty"].tables == ()


async def test_access_is_in_name_order_and_finds_by_casefold(store, make):
    _, share, *_ = await with_one_grant(store, make)
    for number, name in enumerate(("Retail.Straße", "air.z", "RETAIL.b")):
        table = make.table(f"c.s.t{number}")
        await store.create_table(table)
        await store.add_to_share(make.shared(share, table, name))
    sales = (await store.access(HASH)).shares["sales"]
    assert sales.schemas == ("air", "retail")
    assert [shared.shared_as for shared in sales.tables] == ["air.z", "retail.b", "retail.orders", "retail.Straße"]
    assert sales.by_name["retail", "strasse"].name == "Straße"


async def test_access_takes_known_shares_as_they_are(store, make):
    await with_one_grant(store, make)
    first = (await store.access(HASH)).shares["sales"]
    again = await store.access(HASH, {first.share.id: first})
    assert again.shares["sales"] is first


async def test_an_unknown_token_opens_nothing(store, make):
    await with_one_grant(store, make)
    assert await store.access(b"x" * 32) is None
    assert await store.access(b"") is None


# The revision and the public URL


async def test_the_public_url_is_kept(store):
    assert await store.public_url() is None
    await store.set_public_url("https://a.example")
    await store.set_public_url("https://b.example")
    assert await store.public_url() == "https://b.example"


async def test_every_change_moves_the_revision_and_nothing_else_does(store, make):
    table, share, recipient = make.table("a.b.c"), make.share("s"), make.recipient("r")
    token = make.token(recipient)
    changes = [
        lambda: store.set_public_url("https://a.example"),
        lambda: store.create_table(table),
        lambda: store.create_share(share),
        lambda: store.add_to_share(make.shared(share, table)),
        lambda: store.create_recipient(recipient, token),
        lambda: store.activate_token(token.id, 1, HASH, 2_000),
        lambda: store.rotate_token(recipient.id, make.token(recipient), 5_000),
        lambda: store.grant("s", "r", 1),
        lambda: store.revoke("s", "r"),
        lambda: store.remove_from_share("s", "b", "c"),
        lambda: store.delete_table("a.b.c"),
        lambda: store.delete_share("s"),
        lambda: store.delete_recipient("r"),
    ]
    for change in changes:
        before = await store.revision()
        await change()
        assert await store.revision() == before + 1


async def test_what_changes_nothing_leaves_the_revision(store, make):
    *_, token = await with_one_grant(store, make)
    await store.set_public_url("https://a.example")
    before = await store.revision()
    await store.set_public_url("https://a.example")
    await store.grant("sales", "partner_co", 9)
    await store.activate_token(token.id, 1, b"i" * 32, 2_000)
    with pytest.raises(AlreadyExists):
        await store.create_share(make.share("sales"))
    with pytest.raises(NotFound):
        await store.revoke("sales", "nobody")
    await store.access(HASH)
    await store.tables()
    assert await store.revision() == before


async def test_text_that_no_database_holds_is_invalid(store, make):
    for refused in (store.create_share(make.share("a\udc80")), store.share("a\udc80")):
        with pytest.raises(InvalidValue, match="not valid Unicode"):
            await refused


@pytest.mark.parametrize("name", ["'; DROP TABLE shares; --", "%", "_", "a\u2028b", "😀" * 255, "e\u0301"])
async def test_any_name_comes_back_as_written(store, make, name):
    share = make.share(name, comment=name)
    await store.create_share(share)
    assert await store.shares() == [share]
    assert await store.share(name) == share
