"""The sharing API, route by route, as a raw HTTP client sees it."""

import json
from urllib.parse import urlsplit

import httpx
import polars as pl
import pytest

from lakeshare.operations.delete_recipient import delete_recipient
from lakeshare.operations.revoke_share import revoke_share
from lakeshare.server.sharing import ENDPOINTS, PREFIX
from provider import ADMIN, Provider, orders

TABLE = f"{PREFIX}/shares/sales/schemas/retail/tables/orders"
DELTA = {"delta-sharing-capabilities": "responseformat=delta"}


def concrete(path: str) -> str:
    return PREFIX + path.format(share="sales", schema="retail", table="orders", queryId="none")


async def query(provider: Provider, headers: dict[str, str], body: object = None, path: str = TABLE) -> list[dict]:
    answer = await provider.client.post(f"{path}/query", json=body or {}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def assert_error(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"errorCode", "message"}
    assert body["errorCode"] == code
    assert body["message"]
    return body["message"]


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, *_ in ENDPOINTS])
class TestEveryRoute:
    async def refused(self, provider: Provider, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        answer = await provider.client.request(method, concrete(path), headers=headers)
        if method == "HEAD":  # its body is the GET's, which HTTP does not send
            answer = httpx.Response(answer.status_code, headers=answer.headers, json={"errorCode": "", "message": "-"})
        return answer

    async def test_asks_for_a_token(self, sales: Provider, method: str, path: str):
        answer = await self.refused(sales, method, path, {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["message"]

    @pytest.mark.parametrize("token", ["", "guess", "lks_" + "A" * 49, "é", "x" * 5000])
    async def test_refuses_a_wrong_token(self, sales: Provider, method: str, path: str, token: str):
        headers = {b"authorization": b"Bearer " + token.encode()}
        assert (await self.refused(sales, method, path, headers)).status_code == 401

    async def test_refuses_another_scheme(self, sales: Provider, method: str, path: str):
        token = await sales.recipient("partner", "sales")
        assert (await self.refused(sales, method, path, {"authorization": f"Basic {token}"})).status_code == 401

    async def test_refuses_an_expired_token(self, sales: Provider, bearer, method: str, path: str):
        token = await sales.recipient("late", "sales")
        sales.move_clock(days=31)
        answer = await self.refused(sales, method, path, bearer(token))
        assert answer.status_code == 401
        assert "expired" in answer.json()["message"] or method == "HEAD"

    async def test_refuses_the_token_of_a_deleted_recipient(self, sales: Provider, bearer, method: str, path: str):
        token = await sales.recipient("partner", "sales")
        async with sales.admin() as services:
            await delete_recipient(services, ADMIN, "partner")
        assert (await self.refused(sales, method, path, bearer(token))).status_code == 401

    async def test_hides_what_was_never_granted_as_if_it_were_absent(
        self, sales: Provider, bearer, method: str, path: str
    ):
        token = await sales.recipient("stranger")
        if path == "/shares":
            assert (await sales.client.get(concrete(path), headers=bearer(token))).json() == {"items": []}
            return
        there = await sales.client.request(method, concrete(path), headers=bearer(token))
        absent = await sales.client.request(
            method,
            PREFIX + path.format(share="absent", schema="retail", table="orders", queryId="none"),
            headers=bearer(token),
        )
        assert there.status_code == absent.status_code == 404
        assert there.text.replace("sales", "absent") == absent.text

    async def test_takes_no_other_method(self, sales: Provider, bearer, method: str, path: str):
        token = await sales.recipient("partner", "sales")
        answer = await sales.client.request("DELETE", concrete(path), headers=bearer(token))
        assert_error(answer, 405, "METHOD_NOT_ALLOWED")
        assert method in answer.headers["allow"]

    async def test_audits_success_and_refusal_under_the_action(self, sales: Provider, bearer, method: str, path: str):
        action = next(action for verb, known, action, _ in ENDPOINTS if (verb, known) == (method, path))
        token = await sales.recipient("partner", "sales")
        await sales.client.request(method, concrete(path), headers=bearer(token))
        await sales.client.request(method, concrete(path), headers=bearer("wrong"))
        served, refused = sales.events()[-2:]
        assert (served.action_name, served.user_identity.email) == (action, "partner")
        assert (refused.action_name, refused.user_identity.email) == (action, "")
        assert refused.response.status_code == 401


class TestListings:
    async def test_hold_what_is_granted_in_name_order(self, sales: Provider, bearer):
        await sales.share("another", "nyc.flights", sales.lake / "customers")
        headers = bearer(await sales.recipient("partner", "sales", "another"))
        shares = (await sales.client.get(f"{PREFIX}/shares", headers=headers)).json()
        assert [share["name"] for share in shares["items"]] == ["another", "sales"]
        assert "nextPageToken" not in shares
        tables = (await sales.client.get(f"{PREFIX}/shares/SALES/all-tables", headers=headers)).json()["items"]
        assert [(table["schema"], table["name"]) for table in tables] == [("retail", "customers"), ("retail", "orders")]
        assert {table["shareId"] for table in tables} == {shares["items"][1]["id"]}
        one = (await sales.client.get(f"{PREFIX}/shares/Sales", headers=headers)).json()
        assert one == {"share": shares["items"][1]}
        schemas = (await sales.client.get(f"{PREFIX}/shares/sales/schemas", headers=headers)).json()
        assert schemas == {"items": [{"name": "retail", "share": "sales"}]}
        listed = (await sales.client.get(f"{PREFIX}/shares/sales/schemas/RETAIL/tables", headers=headers)).json()
        assert listed["items"] == tables

    async def test_are_one_line_of_json(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.get(f"{PREFIX}/shares", headers=headers)
        assert len(answer.text.splitlines()) == 1

    async def test_pages_hold_every_item_once(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        seen, token = [], ""
        while True:
            params = {"maxResults": "1", **({"pageToken": token} if token else {})}
            page = (await sales.client.get(f"{PREFIX}/shares/sales/all-tables", headers=headers, params=params)).json()
            seen += [table["name"] for table in page["items"]]
            token = page.get("nextPageToken", "")
            if not token:
                break
        assert seen == ["customers", "orders"]

    @pytest.mark.parametrize("count", ["0", "500", "501", "2147483647"])
    async def test_take_a_size_from_none_to_more_than_there_is(self, sales: Provider, bearer, count: str):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.get(f"{PREFIX}/shares", headers=headers, params={"maxResults": count})
        assert len(answer.json()["items"]) == (0 if count == "0" else 1)

    @pytest.mark.parametrize("count", ["-1", "ten", "1.5", "", "²", "9" * 30])
    async def test_refuse_a_size_that_is_none(self, sales: Provider, bearer, count: str):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.get(f"{PREFIX}/shares", headers=headers, params={"maxResults": count})
        assert "maxResults" in assert_error(answer, 400, "INVALID_PARAMETER_VALUE")

    async def test_refuse_a_page_token_of_another_listing_recipient_or_none(self, sales: Provider, bearer):
        mine = bearer(await sales.recipient("partner", "sales"))
        other = bearer(await sales.recipient("other", "sales"))
        url = f"{PREFIX}/shares/sales/all-tables"
        token = (await sales.client.get(url, headers=mine, params={"maxResults": "1"})).json()["nextPageToken"]
        for headers, path, given in (
            (other, url, token),
            (mine, f"{PREFIX}/shares", token),
            (mine, url, token[:-2]),
            (mine, url, "x"),
        ):
            answer = await sales.client.get(path, headers=headers, params={"pageToken": given})
            assert_error(answer, 400, "INVALID_PARAMETER_VALUE")


class TestTable:
    async def test_version_by_get_and_by_head(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        for answer in (
            await sales.client.get(f"{TABLE}/version", headers=headers),
            await sales.client.head(TABLE, headers=headers),
        ):
            assert (answer.status_code, answer.headers["delta-table-version"], answer.text) == (200, "1", "")

    async def test_metadata_in_both_formats(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        parquet = await sales.client.get(f"{TABLE}/metadata", headers=headers)
        delta = await sales.client.get(f"{TABLE}/metadata", headers={**headers, **DELTA})
        assert parquet.headers["delta-table-version"] == delta.headers["delta-table-version"] == "1"
        assert parquet.headers["delta-sharing-capabilities"] == "responseformat=parquet"
        assert delta.headers["delta-sharing-capabilities"] == "responseformat=delta"
        assert parquet.headers["content-type"] == "application/x-ndjson; charset=utf-8"
        protocol, metadata = map(json.loads, parquet.text.splitlines())
        assert protocol == {"protocol": {"minReaderVersion": 1}}
        assert metadata["metaData"]["partitionColumns"] == ["region"]
        assert (metadata["metaData"]["numFiles"], metadata["metaData"]["format"]) == (4, {"provider": "parquet"})
        protocol, metadata = map(json.loads, delta.text.splitlines())
        assert protocol["protocol"]["deltaProtocol"]["minReaderVersion"] == 1
        assert metadata["metaData"]["deltaMetadata"]["partitionColumns"] == ["region"]

    @pytest.mark.parametrize("capabilities", ["", DELTA["delta-sharing-capabilities"]])
    async def test_query_gives_files_that_can_be_fetched(self, sales: Provider, bearer, capabilities: str):
        headers = bearer(await sales.recipient("partner", "sales"))
        lines = await query(sales, {**headers, "delta-sharing-capabilities": capabilities})
        assert [next(iter(line)) for line in lines] == ["protocol", "metaData", "file", "file", "file", "file"]
        read = []
        for line in lines[2:]:
            file = line["file"]
            add = file["deltaSingleAction"]["add"] if capabilities else file
            url = urlsplit(add["path"] if capabilities else add["url"])
            answer = await sales.client.get(f"{url.path}?{url.query}")
            assert (answer.status_code, len(answer.content)) == (200, add["size"])
            rows = pl.read_parquet(answer.content)
            read.append(rows.with_columns(region=pl.lit(add["partitionValues"]["region"])))
        table = pl.concat(read).select("order_id", "region", "day").sort("order_id")
        assert table.equals(orders().cast({"order_id": pl.Int64}))

    async def test_query_without_a_body_is_a_query_of_everything(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.post(f"{TABLE}/query", headers=headers)
        assert len(answer.text.splitlines()) == 6

    @pytest.mark.parametrize(
        ("body", "files"),
        [
            ({"predicateHints": ["region = 'EMEA'"]}, 2),
            ({"predicateHints": ["region = 'EMEA'", "order_id < 10"]}, 1),
            ({"predicateHints": ["nonsense ((", "no_such_column = 1"]}, 4),
            ({"predicateHints": ["'2025-03-01' <= day"]}, 2),
            (
                {
                    "jsonPredicateHints": json.dumps(
                        {"op": "isNull", "children": [{"op": "column", "name": "region", "valueType": "string"}]}
                    )
                },
                0,
            ),
            ({"jsonPredicateHints": "not json"}, 4),
            ({"limitHint": 1}, 1),
            ({"limitHint": 0}, 0),
            ({"limitHint": 60}, 3),
            ({"predicateHints": ["region = 'EMEA'"], "limitHint": 1}, 1),
            ({"unknownField": {"a": 1}}, 4),
        ],
    )
    async def test_hints_leave_out_files(self, sales: Provider, bearer, body: dict, files: int):
        headers = bearer(await sales.recipient("partner", "sales"))
        assert len(await query(sales, headers, body)) == files + 2

    @pytest.mark.parametrize(
        "body",
        [
            {"version": 0},
            {"timestamp": "2025-01-01T00:00:00Z"},
            {"startingVersion": 0},
            {"startingTimestamp": "2025-01-01T00:00:00Z"},
            {"refreshToken": "x"},
            {"pageToken": "x"},
        ],
    )
    async def test_query_refuses_what_would_change_the_rows_and_is_not_served(self, sales: Provider, bearer, body):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.post(f"{TABLE}/query", headers=headers, json=body)
        assert next(iter(body)) in assert_error(answer, 400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize(
        "path",
        ["/changes?startingVersion=0", "/metadata?version=0", "/metadata?timestamp=x", "/version?startingTimestamp=x"],
    )
    async def test_history_is_refused_on_every_face(self, sales: Provider, bearer, path: str):
        headers = bearer(await sales.recipient("partner", "sales"))
        assert_error(await sales.client.get(TABLE + path, headers=headers), 400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'"x"', b"\xff\xfe", b'{"limitHint": "many"}', b'{"predicateHints": 3}', b"[" * 200_000]
    )
    async def test_a_malformed_body_is_said_so(self, sales: Provider, bearer, body: bytes):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.post(f"{TABLE}/query", headers=headers, content=body)
        assert_error(answer, 400, "MALFORMED_REQUEST")

    async def test_a_body_over_ten_megabytes_is_too_large(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        answer = await sales.client.post(f"{TABLE}/query", headers=headers, content=b" " * (10 * 1024 * 1024 + 1))
        assert_error(answer, 413, "REQUEST_TOO_LARGE")

    @pytest.mark.parametrize(
        "header", ["", ";;;", "responseformat=orc", "x=y;async=true", "=", "RESPONSEFORMAT=PARQUET"]
    )
    async def test_unknown_capabilities_are_ignored(self, sales: Provider, bearer, header: str):
        headers = bearer(await sales.recipient("partner", "sales"))
        assert len(await query(sales, {**headers, "delta-sharing-capabilities": header})) == 6


class TestLiveTables:
    async def test_a_commit_is_seen_at_once(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        path = f"{PREFIX}/shares/sales/schemas/retail/tables/customers"
        before = len(await query(sales, headers, path=path))
        pl.DataFrame({"customer_id": [4]}).write_delta(sales.lake / "customers", mode="append")
        assert len(await query(sales, headers, path=path)) == before + 1

    async def test_a_table_whose_log_is_gone_is_said_so_without_its_path(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        await query(sales, headers)
        (sales.lake / "orders" / "_delta_log").rename(sales.lake / "orders" / "moved")
        for call in (
            sales.client.get(f"{TABLE}/version", headers=headers),
            sales.client.get(f"{TABLE}/metadata", headers=headers),
            sales.client.post(f"{TABLE}/query", headers=headers, json={}),
        ):
            message = assert_error(await call, 400, "TABLE_UNREADABLE")
            assert "sales.retail.orders" in message
            assert str(sales.lake) not in message
            assert "_delta_log" not in message

    async def test_a_log_that_names_a_file_elsewhere_is_refused(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        add = {
            "path": "file:///etc/passwd",
            "partitionValues": {"region": "EMEA"},
            "size": 1,
            "modificationTime": 1,
            "dataChange": True,
        }
        (sales.lake / "orders" / "_delta_log" / f"{2:020}.json").write_text(json.dumps({"add": add}))
        message = assert_error(
            await sales.client.post(f"{TABLE}/query", headers=headers, json={}), 400, "TABLE_UNREADABLE"
        )
        assert "passwd" not in message

    async def test_a_reader_feature_that_is_not_served_is_named(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        protocol = {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors", "fancy"],
            "writerFeatures": ["deletionVectors", "fancy"],
        }
        (sales.lake / "orders" / "_delta_log" / f"{2:020}.json").write_text(json.dumps({"protocol": protocol}))
        answer = await sales.client.post(f"{TABLE}/query", headers={**headers, **DELTA}, json={})
        assert "fancy" in assert_error(answer, 400, "UNSUPPORTED_TABLE_FEATURE")

    async def test_a_revoked_grant_ends_within_a_second(self, sales: Provider, bearer, polled):
        headers = bearer(await sales.recipient("partner", "sales"))
        await query(sales, headers)
        async with sales.admin() as services:
            await revoke_share(services, ADMIN, "sales", "partner")

        async def refused() -> bool:
            return (await sales.client.post(f"{TABLE}/query", headers=headers, json={})).status_code == 404

        await polled(refused, seconds=10)


class TestEverythingElse:
    @pytest.mark.parametrize("path", ["/", "/delta-sharing", "/delta-sharing/nothing", f"{TABLE}/nothing", "/shares"])
    async def test_an_unknown_path_is_a_404(self, sales: Provider, path: str):
        assert_error(await sales.client.get(path), 404, "RESOURCE_DOES_NOT_EXIST")

    async def test_an_unexpected_error_tells_the_recipient_nothing(self, sales: Provider, bearer, monkeypatch):
        headers = bearer(await sales.recipient("partner", "sales"))

        async def broken(*_: object) -> None:
            raise RuntimeError("secret internals")

        monkeypatch.setattr("lakeshare.server.sharing.get_share", broken)
        answer = await sales.client.get(f"{PREFIX}/shares/sales", headers=headers)
        assert "secret" not in assert_error(answer, 500, "INTERNAL_ERROR")
        assert "secret" not in repr(sales.events()[-1])

    async def test_reads_are_refused_while_the_audit_cannot_be_written(self, sales: Provider, bearer):
        headers = bearer(await sales.recipient("partner", "sales"))
        sales.served.audit.close()
        for call in (
            sales.client.get(f"{PREFIX}/shares", headers=headers),
            sales.client.post(f"{TABLE}/query", headers=headers, json={}),
        ):
            assert_error(await call, 503, "TEMPORARILY_UNAVAILABLE")
