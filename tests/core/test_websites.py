"""Static websites: what is written in their aggregate."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import websites
from aleph_core.errors import ArgumentError, ResourceNotFoundError
from tests.core.recorded import JSON

ONE, TWO, THREE = "a" * 64, "b" * 64, "c" * 64
NAME = "my-site"
PAYMENT = {"chain": "ETH", "type": "hold"}
SITE: dict[str, Any] = websites.create(
    {}, name=NAME, volume_id=ONE, time=5.0, payment=PAYMENT, framework="nextjs", tags=["demo"]
)

contents = st.dictionaries(
    st.sampled_from([NAME, "other"]),
    JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "version": st.integers(0, 9) | JSON,
            "volume_id": st.sampled_from([ONE, TWO]) | JSON,
            "history": st.dictionaries(st.sampled_from(["1", "2"]), st.just(ONE)) | JSON,
            "metadata": JSON,
            "note": JSON,
        },
    ),
)


def test_a_site_is_written_as_other_tools_write_it() -> None:
    assert SITE == {
        NAME: {
            "metadata": {"name": NAME, "tags": ["demo"], "framework": "nextjs"},
            "payment": PAYMENT,
            "version": 1,
            "volume_id": ONE,
            "history": {},
            "ens": [],
            "created_at": 5.0,
            "updated_at": 5.0,
        }
    }
    with pytest.raises(ArgumentError, match="update"):
        websites.create(SITE, name=NAME, volume_id=TWO, time=6.0, payment=PAYMENT)
    assert websites.create({NAME: None}, name=NAME, volume_id=TWO, time=6.0, payment=PAYMENT)


def test_every_version_is_remembered() -> None:
    content = SITE
    for since, time, volume in ((1, 6.0, TWO), (2, 7.0, THREE), (3, 8.0, ONE)):
        content = websites.update(content, name=NAME, volume_id=volume, since=since, time=time)
    site = websites.read_all(content)[NAME]
    assert (site.version, site.volume_id) == (4, ONE)
    assert site.history == {"1": ONE, "2": TWO, "3": THREE}
    assert (site.metadata.framework, site.payment.type) == ("nextjs", "hold")
    assert site.created_at is not None
    assert site.updated_at is not None
    assert (site.created_at.timestamp(), site.updated_at.timestamp()) == (5.0, 8.0)


def test_the_same_content_makes_no_version() -> None:
    assert websites.update(SITE, name=NAME, volume_id=ONE, since=1, time=6.0) == {}
    assert (
        websites.update(SITE, name=NAME, since=1, time=6.0, tags=["demo"], framework="nextjs") == {}
    )
    (entry,) = websites.update(SITE, name=NAME, since=1, time=6.0, tags=[], ens=["my.eth"]).values()
    assert (entry["version"], entry["metadata"]["tags"], entry["ens"]) == (1, [], ["my.eth"])


def test_of_two_updates_at_once_the_later_one_shows_in_either_order() -> None:
    early = partial(websites.update, name=NAME, volume_id=TWO, since=1, time=6.0)
    late = partial(websites.update, name=NAME, volume_id=THREE, since=1, time=7.0)
    expected = early(late(SITE))
    assert late(early(SITE)) == expected
    site = websites.read_all(expected)[NAME]
    assert (site.volume_id, site.version, site.history) == (THREE, 3, {"1": ONE, "2": TWO})
    assert site.updated_at is not None
    assert site.updated_at.timestamp() == 7.0
    # Applied again on top of each other neither makes a further version.
    assert early(expected) == late(expected) == {}


def test_an_update_is_later_than_what_it_updates_whatever_the_clock_says() -> None:
    future = websites.read_all({NAME: {**SITE[NAME], "updated_at": "2126-01-01T00:00:00Z"}})[NAME]
    time = websites.time_after(future, 6.0)
    written = websites.update({NAME: SITE[NAME]}, name=NAME, volume_id=TWO, since=1, time=time)
    assert websites.read_all(written)[NAME].volume_id == TWO
    assert time > 6.0
    assert websites.time_after(websites.read_all(SITE)[NAME], 6.0) == 6.0
    unknown = websites.read_all({NAME: {}})[NAME]
    assert websites.time_after(unknown, 6.0) == 6.0


def test_what_is_not_there_cannot_be_updated() -> None:
    for content in ({}, {NAME: None}):
        with pytest.raises(ResourceNotFoundError, match=NAME):
            websites.update(content, name=NAME, volume_id=ONE, since=1, time=6.0)
        assert websites.delete(content, name=NAME) == {}
    assert websites.delete(SITE, name=NAME) == {NAME: None}


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a.b", "a/b", "a?b", "a#b", "a%20b", "x" * 129, "a\u202eb", None, 5]
)
def test_names_that_other_tools_would_not_take_are_refused(name: Any) -> None:
    with pytest.raises(ArgumentError, match="name"):
        websites.check_name(name)


def test_texts_are_checked() -> None:
    assert websites.check_texts("a", "tags") == ["a"]
    assert websites.check_texts(("a", "b"), "tags") == ["a", "b"]
    for wrong in ([""], [None], 5, None):
        with pytest.raises(ArgumentError, match="tags"):
            websites.check_texts(wrong, "tags")


@given(contents)
def test_whatever_was_there_it_is_read_and_updated(content: dict[str, Any]) -> None:
    sites = websites.read_all(content)
    assert set(sites) == {name for name, raw in content.items() if isinstance(raw, dict)}
    if NAME not in sites:
        return
    since = websites.version_of(sites[NAME])
    written = websites.update(content, name=NAME, volume_id=THREE, since=since, time=6.0)
    site = websites.read_all({**content, **written})[NAME]
    assert (site.volume_id, site.version) == (THREE, since + 1)
    assert site.history == {**sites[NAME].history, str(since): sites[NAME].volume_id}
    assert str(since) not in sites[NAME].history
    assert site.extra.get("note") is content[NAME].get("note")
