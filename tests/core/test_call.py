from __future__ import annotations

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import FormParser

from aleph_core.call import Answer, FilePart, JsonBody, MultipartBody, Part, RawBody, form_body
from aleph_core.errors import MalformedAnswerError
from tests.core.recorded import JSON, NODE, answer

BOUNDARY = "aleph-0123456789abcdef"


def parsed(
    form: bytes,
) -> tuple[dict[bytes, bytes], list[tuple[bytes, bytes, bytes]]]:
    """Read a form with a parser of other people: fields, and files as (name, filename, content)."""
    fields: dict[bytes, bytes] = {}
    files: list[tuple[bytes, bytes, bytes]] = []

    def on_field(field: object) -> None:
        fields[field.field_name] = field.value  # type: ignore[attr-defined]

    def on_file(file: object) -> None:
        buffer: BytesIO = file.file_object  # type: ignore[attr-defined]
        buffer.seek(0)
        files.append((file.field_name, file.file_name, buffer.read()))  # type: ignore[attr-defined]

    parser = FormParser(
        "multipart/form-data",
        on_field,
        on_file,
        boundary=BOUNDARY,
        config={"MAX_MEMORY_FILE_SIZE": 1 << 30},
    )
    parser.write(form)
    parser.finalize()
    return fields, files


def form(filename: str, content: bytes, *parts: Part) -> MultipartBody:
    return MultipartBody(
        parts=parts, file=FilePart("file", filename, len(content)), boundary=BOUNDARY
    )


@given(st.binary(), st.binary(min_size=1).filter(lambda data: b"\r\n" not in data))
def test_another_parser_finds_the_parts_and_the_file(content: bytes, metadata: bytes) -> None:
    body = form("a.bin", content, Part("metadata", metadata))
    fields, files = parsed(body.head + content + body.tail)
    assert fields == {b"metadata": metadata}
    assert files == [(b"file", b"a.bin", content)]
    assert body.length == len(body.head) + len(content) + len(body.tail)
    assert body.content_type == f"multipart/form-data; boundary={BOUNDARY}"


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_a_form_in_memory_has_fields_and_files(session: bytes, godh: bytes) -> None:
    parts = [Part("session", session, filename="a.b64"), Part("godh", godh), Part("f", b"x")]
    body = form_body(parts, BOUNDARY)
    assert body.content_type == f"multipart/form-data; boundary={BOUNDARY}"
    if BOUNDARY.encode() not in session + godh:
        fields, files = parsed(body.data)
        assert fields == {b"godh": godh, b"f": b"x"}
        assert files == [(b"session", b"a.b64", session)]


def test_parts_do_not_show_their_content() -> None:
    assert "hush" not in repr(Part("session", b"hush"))


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_no_name_of_a_file_can_break_the_form(filename: str) -> None:
    body = form(filename, b"content")
    _, files = parsed(body.head + b"content" + body.tail)
    ((name, _, content),) = files
    assert (name, content) == (b"file", b"content")


@pytest.mark.parametrize(
    ("filename", "sent"),
    [
        ("été.txt", "été.txt".encode()),
        ('a"b.txt', b"a%22b.txt"),
        ("a\r\nX-Evil: 1\r\n\r\n.txt", b"a%0D%0AX-Evil: 1%0D%0A%0D%0A.txt"),
        ("nul\x00.txt", b"nul%00.txt"),
        ("no-\udcff-text.txt", b"no-?-text.txt"),
    ],
)
def test_awkward_names_are_escaped(filename: str, sent: bytes) -> None:
    body = form(filename, b"")
    assert b'filename="' + sent + b'"\r\n' in body.head
    assert body.head.count(b"\r\n") == 4


def test_bodies_tell_their_type() -> None:
    assert JsonBody(b"{}").content_type == "application/json"
    assert RawBody(b"x").content_type == "application/octet-stream"
    assert (
        repr(RawBody(b"x" * 1000))
        == "RawBody(data=<1000 bytes>, content_type='application/octet-stream')"
    )


@given(JSON)
def test_json_is_read_whatever_media_type_it_claims(value: object) -> None:
    found = answer(json.dumps(value), content_type="text/html")
    assert repr(found.json()) == repr(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502 Bad Gateway</html>", b'{"a": 1', b"\xff\xfe\xfa", b"[1,]", b"[" * 100_000],
)
def test_what_is_no_json_is_a_typed_error_with_the_nodes_words(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        answer(body, status=502, content_type="text/html").json()
    error = caught.value
    assert (error.status, error.node, error.attempts) == (502, NODE, 2)
    assert NODE in str(error)
    assert "text/html" in str(error)
    assert len(str(error)) < 700
    assert error.body == body[: 64 * 1024].decode("utf-8", "replace")


def test_an_endless_body_leaves_a_short_error() -> None:
    found = Answer(500, {}, b"x" * 5_000_000)
    assert len(found.text) == 64 * 1024
    assert len(found.excerpt) == 201


def test_an_excerpt_is_one_line() -> None:
    assert answer(b"  a\r\n\tb  ").excerpt == "a b"
