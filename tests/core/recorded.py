"""What a real node (pyaleph 0.10.3-rc5) sent and answered, and the shapes built from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.models.message import Message
from aleph_core.verification import read_message
from tests.conformance.corpus import exchanges

NODE = "http://node.test"
OWNER = "0x7cD41CE1a8a53E10f4e3669363cDf4824B216162"

POST: dict[str, Any] = {
    "chain": "ETH",
    "sender": OWNER,
    "type": "POST",
    "channel": "corpus-shared",
    "time": 1790000001.25,
    "item_type": "inline",
    "item_hash": "33d3b348264106a924ccc7c228473b301123e71f5113fdcb8fc69854d71f1510",
    "item_content": (
        f'{{"address":"{OWNER}","time":1790000001,"type":"amend",'
        '"ref":"0caf9759862ae9fb93a5f2fc57778b9692b14d6402ed035708a0a4f3b19447a4",'
        '"content":{"p":1}}'
    ),
    "signature": (
        "0x79f77a005467ad86ca54342a16372857553ace91c5fa3abdfbdd5c9581f1f505"
        "3bab783c1f53228f6557d18e3ce5e54bfcae80c0dce8ee11db9c8180afe1dd1d1b"
    ),
}

STORE: dict[str, Any] = {
    "chain": "ETH",
    "sender": "0x933D5FEA6e9A6a46843159c7EB1608853c86AEE6",
    "type": "STORE",
    "channel": "corpus-shared",
    "time": 1790000071.25,
    "item_type": "inline",
    "item_hash": "31ff22ff2c10f18c4a80a586442a56ec969475178bbe743a3f03b1fee9bf92a9",
    "item_content": (
        '{"address":"0x933D5FEA6e9A6a46843159c7EB1608853c86AEE6","time":1790000071,'
        '"item_type":"storage",'
        '"item_hash":"b7fa5e2dae723e973343bb99b1a7bd3b37d60d5db6a3d5468682103756391fc3"}'
    ),
    "signature": (
        "0xffac866a1548aae5a3c9673cf66ca37d506964aad32e226cbe82e98cf39b2277"
        "5f2343b602e2ead744be1e55450cf7ea31d57b995fb080362b9b61b6d69cd5891c"
    ),
}

PENDING: dict[str, Any] = {
    "status": "pending",
    "item_hash": POST["item_hash"],
    "reception_time": "2026-11-23T07:54:03.256674Z",
    "messages": [
        {
            **POST,
            "time": "2026-09-21T14:13:21.250000Z",
            "content": {"address": OWNER, "type": "amend", "content": {"p": 1}},
            "reception_time": "2026-11-23T07:54:03.256674Z",
        }
    ],
}

REJECTED: dict[str, Any] = {
    "status": "rejected",
    "item_hash": "ca76d300605f3f0f535d10525a35f700ffdcb0bfb42f2f051c1c64adc09e1e31",
    "reception_time": "2026-11-23T07:54:13.077266Z",
    "message": {
        "time": 1790000037.25,
        "type": "POST",
        "chain": "ETH",
        "origin": "p2p",
        "sender": OWNER,
        "channel": "corpus-shared",
        "content": {"address": OWNER, "type": "amend", "content": {"v": 9}},
        "item_hash": "ca76d300605f3f0f535d10525a35f700ffdcb0bfb42f2f051c1c64adc09e1e31",
        "item_type": "inline",
        "signature": (
            "0x07ad8ae84381b70e06a34833e0f43e3eb725d68acdc5999570400a033e846ed4"
            "63f074040b9ae4f309b6f95008c000c03297b34281822b4df613ae38ddd448411b"
        ),
        "item_content": (
            f'{{"address":"{OWNER}","time":1790000037,"type":"amend",'
            '"ref":"44711bf07294379268fb47b5c0d55430d22b9530b96be3e1556c04c6bbdedf3c",'
            '"content":{"v":9}}'
        ),
    },
    "error_code": 102,
    "details": None,
}

FORGOTTEN: dict[str, Any] = {
    "status": "forgotten",
    "item_hash": "4321d577847b34ac5a176c807e3f384d0b966c08c2aa4fa657415825b13a6b45",
    "reception_time": "2026-11-23T07:55:05.526038Z",
    "message": {
        "sender": "0x838fE5fF882F4E092945B36c43Cd2b6E31A2209f",
        "chain": "ETH",
        "signature": (
            "0xb062389a0fd3095eef6ed84198e7ec23fedb446e282005d9a1765b28f19538b2"
            "3d2293533b8a1e239d55b97c13fa86baaead735d9bbfacc6e44034e50fdb404f1c"
        ),
        "type": "POST",
        "item_type": "inline",
        "item_hash": "4321d577847b34ac5a176c807e3f384d0b966c08c2aa4fa657415825b13a6b45",
        "time": 1790000107.25,
        "channel": "corpus-shared",
        "owner": OWNER,
        "payment_type": "hold",
        "size": None,
        "forgotten_at": 1790000120.25,
    },
    "forgotten_by": ["e56b9610ed1d52d8756b63ea56091615a75407a721d581c566f609afded8f26b"],
}

AMENDED: dict[str, Any] = {
    "chain": "ETH",
    "item_hash": "44711bf07294379268fb47b5c0d55430d22b9530b96be3e1556c04c6bbdedf3c",
    "sender": OWNER,
    "type": "amend",
    "channel": "corpus-shared",
    "confirmed": False,
    "content": {"v": 1},
    "item_content": (
        f'{{"address":"{OWNER}","time":1790000015,"type":"amend",'
        '"ref":"7a0f350a0b1f2da1bf7249efef4e3401c1d383d937350e88445e2b31a2ef9d62",'
        '"content":{"v":1}}'
    ),
    "item_type": "inline",
    "signature": (
        "0xbf3c653eeda592057fa47cc68633715c48b3d28357ce03af6fcec4b8dbb29f56"
        "706b7107bb6e49c37bfaff215e9b10c4f7c9d62b30c3b6822ccc395d8d94d47c1b"
    ),
    "size": 180,
    "time": 1790000015.25,
    "confirmations": [],
    "original_item_hash": "7a0f350a0b1f2da1bf7249efef4e3401c1d383d937350e88445e2b31a2ef9d62",
    "original_signature": (
        "0x91d6e8101f38776a933a2084eead6c348fb4b1ec6b0be70b1ae92f33050ee6b6"
        "5abea53c4e4d1259efb1c8496c76e63339ec3d0cf94e2b28fcc8ee6d9343a1011b"
    ),
    "original_type": "shared-doc",
    "hash": "7a0f350a0b1f2da1bf7249efef4e3401c1d383d937350e88445e2b31a2ef9d62",
    "address": OWNER,
    "ref": "shared-docref",
}

HASHES = [POST["item_hash"], STORE["item_hash"], AMENDED["item_hash"]]
CID_V0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG"
CID_V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


CORPUS: dict[str, Any] = {
    exchange.id: exchange.recorded["response"]
    for exchange in exchanges()
    if "response" in exchange.recorded
}
"""Every recorded answer by the name of its exchange."""


def recorded(name: str) -> Any:
    """Return the body of a recorded answer."""
    response = CORPUS[name]
    return copy.deepcopy(response["json"] if "json" in response else response["text"])


def altered(recorded: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy of a recording with other values; ``...`` leaves a key out."""
    fields = {**copy.deepcopy(dict(recorded)), **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def signed(recorded: Mapping[str, Any] = POST) -> Message:
    return read_message(recorded, verify="signature")


def answer(body: object = b"", status: int = 200, **headers: str) -> Answer:
    """Return an answer; anything but bytes and text is sent as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    if not isinstance(body, bytes | str):
        data = json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, names, data, node=NODE, attempts=2)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from([10**400, "", "processed", "rejected", "pending", OWNER, *HASHES])
)
FIELDS = st.sampled_from(
    [
        *(*POST, *AMENDED, "status", "message", "messages", "posts", "hashes", "aggregates"),
        *("error_code", "details", "errors", "forgotten_by", "reason", "next_cursor", "hash"),
        *("pagination_per_page", "publication_status", "message_status", "key", "failed", "data"),
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=20,
)
"""Any JSON value, with the names that answers use here and there."""

ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 202, 204, 302, 400, 402, 403, 404, 410, 413, 422, 429, 500, 503])
    | st.integers(100, 599),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "location", "date"]), st.text(max_size=20)
    ),
    body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    node=st.just(NODE),
)
"""Any answer that HTTP can carry."""
