"""Delta tables made of what we serve in delta format, for Delta's own library to read.

The sharing connector hands the served actions to this library as a log. Here they become a table's only commit, beside
the files that their URLs give.
"""

import json
from pathlib import Path
from urllib.parse import quote

import httpx

FEATURES = (
    "deletionVectors,columnMapping,timestampNtz,typeWidening,typeWidening-preview,variantType,variantType-preview,"
    "variantShredding-preview"
)
CAPABILITIES = f"responseformat=delta;readerfeatures={FEATURES}"


def copy_of(profile: Path, table: str, place: Path) -> Path:
    """A Delta table made of a delta-format answer alone. Raises httpx.HTTPStatusError where the server refuses."""
    credential = json.loads(profile.read_text())
    headers = {"authorization": f"Bearer {credential['bearerToken']}", "delta-sharing-capabilities": CAPABILITIES}
    url = f"{credential['endpoint'].rstrip('/')}/shares/spark/schemas/spark/tables/{table}/query"
    with httpx.Client(timeout=60) as client:
        answer = client.post(url, json={}, headers=headers).raise_for_status()
        assert "responseformat=delta" in answer.headers["delta-sharing-capabilities"]
        lines = [json.loads(line) for line in answer.text.splitlines()]
        actions = [
            {"protocol": lines[0]["protocol"]["deltaProtocol"]},
            {"metaData": lines[1]["metaData"]["deltaMetadata"]},
            *(local(client, line["file"]["deltaSingleAction"], place) for line in lines[2:]),
        ]
    log = place / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{0:020}.json").write_text("".join(json.dumps(action) + "\n" for action in actions))
    return place


def local(client: httpx.Client, action: dict, place: Path) -> dict:
    """The action with its URLs fetched, and naming the fetched files."""
    add = action["add"]
    vector = add.get("deletionVector")
    if vector and vector["storageType"] == "p":
        add = add | {"deletionVector": vector | {"pathOrInlineDv": fetch(client, vector["pathOrInlineDv"], place)}}
    return {"add": add | {"path": fetch(client, add["path"], place)}}


def fetch(client: httpx.Client, url: str, place: Path) -> str:
    """Where the URL's bytes are now, as the URI that a log would have."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{len(list(place.iterdir())):06}.bin"
    file.write_bytes(client.get(url).raise_for_status().content)
    return quote(f"file:{file}", safe=":/")
