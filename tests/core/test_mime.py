from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.mime import HEAD_SIZE, guess_mime_type

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (PNG, None, "image/png"),
        (PNG, "picture.png", "image/png"),
        (PDF, None, "application/pdf"),
        (b"hello", "a.txt", "text/plain"),
        (b"hello", None, "text/plain"),
        ("h\u00e9llo".encode()[:-4], None, "text/plain"),
        (b"a,b\n1,2\n", "table.csv", "text/csv"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"", None, "application/octet-stream"),
        (b"", "empty.txt", "text/plain"),
        (b"\x00\x01\x02\xfe" * 9, None, "application/octet-stream"),
        (b"caf\xe9 au lait, s'il vous pla\xeet", None, "application/octet-stream"),
        (zipped(), None, "application/zip"),
        (
            zipped(),
            "letter.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_types_of_usual_files(head: bytes, name: str | None, expected: str) -> None:
    assert guess_mime_type(head, name) == expected


def test_the_bytes_win_over_a_name_that_lies() -> None:
    assert guess_mime_type(PNG, "not-really.pdf") == "image/png"


def test_a_cut_character_at_the_end_is_still_text() -> None:
    text = ("€" * HEAD_SIZE).encode()[:HEAD_SIZE]
    assert guess_mime_type(text) == "text/plain"


@given(st.binary(max_size=64), st.none() | st.text(max_size=20))
def test_any_head_and_name_have_a_type(head: bytes, name: str | None) -> None:
    kind, _, rest = guess_mime_type(head, name).partition("/")
    assert kind
    assert rest
