"""The answers of the list endpoints (PROTOCOL.md, "List Shares" to "List all Tables in a Share")."""

import msgspec


class Share(msgspec.Struct, frozen=True):
    name: str
    id: str


class Schema(msgspec.Struct, frozen=True):
    name: str
    share: str


class Table(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    schema: str
    share: str
    share_id: str
    id: str


class DescribedTable(msgspec.Struct, frozen=True, rename="camel"):
    """What OpenSharing's `GET .../tables/{table}` answers. `format` is delta, iceberg, or both with a comma."""

    name: str
    schema: str
    share: str
    share_id: str
    id: str
    format: str


class Page(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One page. `next_page_token` is absent on the last one."""

    items: list[Share] | list[Schema] | list[Table]
    next_page_token: str | None = None


class ShareAnswer(msgspec.Struct, frozen=True):
    share: Share
