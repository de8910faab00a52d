from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.excerpts import without_credentials
from aleph_core.nodes import (
    compute_node_url,
    host_name,
    node_urls,
    service_url,
    websocket_url,
)
from aleph_core.settings import Settings

SETTINGS = Settings(API_HOST="https://one.test, https://two.test/")


def test_the_settings_name_the_nodes_when_nobody_else_does() -> None:
    assert node_urls(None, SETTINGS) == ["https://one.test", "https://two.test"]
    assert node_urls(None, SETTINGS, unix_socket="/run/node") == ["http://localhost"]


def test_urls_are_taken_without_slash_and_spaces() -> None:
    assert node_urls(" http://a.test:8000/prefix/ ", SETTINGS) == ["http://a.test:8000/prefix"]
    assert node_urls(("http://a", "https://b"), SETTINGS) == ["http://a", "https://b"]
    assert node_urls("http://a", SETTINGS, unix_socket="/run/node") == ["http://a"]


@pytest.mark.parametrize(
    "value",
    [
        *("", "a.test", "ftp://a.test", "http://", "http://a?b=1", "http://a#b", "http://a:99999"),
        *("http://a:0", "http://[::1", [], [""], [None], 5, b"http://a", ["http://a", "x"]),
    ],
)
def test_what_is_no_url_of_a_node_is_refused_by_name(value: object) -> None:
    with pytest.raises(ArgumentError, match="api_server"):
        node_urls(value, SETTINGS)  # type: ignore[arg-type]


@given(st.text())
def test_any_text_is_a_url_or_a_bad_argument(text: str) -> None:
    try:
        (url,) = node_urls(text, SETTINGS)
    except ArgumentError:
        return
    assert url.startswith(("http://", "https://"))


@pytest.mark.parametrize("url", ["ftp://user:secret@a.test", "https://user:sec/secret@a.test"])
def test_a_password_is_not_shown_by_the_error(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        node_urls(url, SETTINGS)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@a.test:1/p@q", "https://a.test:1/p@q"),
        ("https://a.test", "https://a.test"),
        ("http://u@ser:s@a/x", "http://a/x"),
        ("user:secret@a.test", "a.test"),
    ],
)
def test_credentials_are_left_out(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_websockets_have_the_scheme_of_the_node() -> None:
    params = [("tags", "a b&c")]
    assert websocket_url("https://a/p", "/ws", params) == "wss://a/p/ws?tags=a+b%26c"
    assert websocket_url("http://a", "/ws", []) == "ws://a/ws"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("crn.example", "https://crn.example"),
        (" crn.example:4020/ ", "https://crn.example:4020"),
        ("http://127.0.0.1:4020", "http://127.0.0.1:4020"),
        ("https://CRN.example//", "https://CRN.example"),
    ],
)
def test_a_compute_node_is_reached_by_its_name_or_url(address: str, url: str) -> None:
    assert compute_node_url(address) == url


@pytest.mark.parametrize("address", ["", " ", "ftp://crn", "crn?x=1", None, 5, ["crn"]])
def test_what_is_no_address_of_a_compute_node_is_refused(address: object) -> None:
    with pytest.raises(ArgumentError, match="crn_address"):
        compute_node_url(address)


def test_nodes_are_called_by_their_host_alone() -> None:
    assert host_name("https://user:secret@CRN.Example:4020/path") == "crn.example"
    assert host_name("nothing") == ""


def test_a_setting_that_is_no_url_is_named() -> None:
    assert service_url(Settings(), "SCHEDULER_URL") == "https://scheduler.api.aleph.cloud"
    with pytest.raises(ArgumentError, match="ALEPH_DNS_API"):
        service_url(Settings(DNS_API="nowhere"), "DNS_API")
