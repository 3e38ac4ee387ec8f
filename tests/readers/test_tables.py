"""Bytes to rows: one sample per quirk of the programs that write such files."""

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.readers import tables
from service.readers.content import MAX_LINE


def rows(content: bytes) -> list[tuple[int, dict[str, str]]]:
    table = tables.parse("people", content)
    assert table.refusals == ()
    return list(table.rows)


def refused(content: bytes) -> list[tuple[int, str]]:
    return [(refusal.row, refusal.code) for refusal in tables.parse("people", content).refusals]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"id,name\n1,Rowan\n", id="plain"),
        pytest.param(b"id,name\n1,Rowan", id="no line end at the end"),
        pytest.param(b"\xef\xbb\xbfid,name\r\n1,Rowan\r\n", id="BOM and CRLF, as Excel writes it"),
        pytest.param(b'"id","name"\n"1","Rowan"\n', id="all quoted, as psql may"),
        pytest.param(b" ID ,Name\n1,Rowan\n", id="other case and blanks in the header"),
        pytest.param(b'{"id": 1, "name": "Rowan"}\n', id="JSON, number as text"),
        pytest.param(b'\xef\xbb\xbf\r\n{"Id": "1", "NAME": "Rowan"}\r\n', id="JSON, BOM and CRLF, a blank line first"),
    ],
)
def test_the_same_row_however_written(content: bytes) -> None:
    assert [cells for _, cells in rows(content)] == [{"id": "1", "name": "Rowan"}]


def test_a_row_is_named_by_the_line_it_begins_on() -> None:
    content = b'id,name\n1,"first\nsecond\nthird"\n\n2,Rowan\n'
    assert [(line, cells["id"]) for line, cells in rows(content)] == [(2, "1"), (6, "2")]


def test_json_keeps_null_truth_and_nested_values_as_text() -> None:
    content = b'{"a": null, "b": true, "c": 3.0, "d_JSON": {"ADOPTION": "Y"}}'
    assert rows(content) == [(1, {"a": "", "b": "true", "c": "3.0", "d_json": '{"ADOPTION": "Y"}'})]


@pytest.mark.parametrize("value", [b"[1]", b"[]", b'{"id": 1}'])
def test_a_list_or_an_object_in_a_cell_is_no_text(value: bytes) -> None:
    table = tables.parse("people", b'{"eclipse_id": "EX1"}\n{"eclipse_id": ' + value + b"}\n")
    assert [cells for _, cells in table.rows] == [{"eclipse_id": "EX1"}]
    assert [(r.row, r.code, r.allowed) for r in table.refusals] == [
        (2, "not_text", "text, a number, true, false or null in each cell")
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n\n"], ids=["0 bytes", "a BOM", "blank lines"])
def test_a_file_without_a_header_is_no_empty_table(content: bytes) -> None:
    (refusal,) = tables.parse("people", content).refusals
    assert (refusal.row, refusal.code, refusal.whole) == (1, "missing_header", True)
    alone = tables.parse("people", b"eclipse_id\n")
    assert (alone.refusals, alone.count, tables.missing_columns("people", alone, ("eclipse_id",))) == ((), 0, ())
    nameless = tables.missing_columns("people", tables.parse("people", b",\n"), ("eclipse_id",))
    assert [refusal.code for refusal in nameless] == ["missing_column"]


def test_a_line_separator_inside_json_text_does_not_end_the_line() -> None:
    content = '{"id": "1", "name": "one\u2028two"}\n{"id": "2", "name": "x"}'.encode()
    assert [(line, cells["id"]) for line, cells in rows(content)] == [(1, "1"), (2, "2")]


@pytest.mark.parametrize(
    ("content", "row", "code"),
    [
        pytest.param("id,name\n1,Zoë\n".encode("cp1252"), 2, "wrong_encoding", id="Windows code page"),
        pytest.param("id,name\n1,Rowan\n".encode("utf-16"), 1, "wrong_encoding", id="UTF-16"),
        pytest.param(b"id,name,ID\n1,Rowan,2\n", 1, "duplicate_column", id="a column twice, in two cases"),
        pytest.param(b"i\x00d,name\n1,Rowan\n", 1, "malformed_header", id="NUL in the header"),
        pytest.param(b'id,name\n1,Rowan\n2,"cut off\n3,Ash\n', 3, "malformed_csv", id="a quote that never closes"),
        pytest.param(b'id,name\n1,"Row"an\n', 2, "malformed_csv", id="text after a closing quote"),
        pytest.param(b'[{"id": 1}]', 1, "json_array", id="a JSON array"),
        pytest.param(b"id,name\n1,Rowan\n2," + b"x" * MAX_LINE, 3, "line_too_long", id="a line without end"),
        pytest.param(b"id\n1\n" + b'"a\n",' * MAX_LINE, 3, "line_too_long", id="a row of very many lines"),
        pytest.param(b'{"id": 1}\n{"id": "' + b"x" * MAX_LINE, 2, "line_too_long", id="JSON without line ends"),
        pytest.param(b",".join(b"c%d" % n for n in range(1001)) + b"\n", 1, "too_many_columns", id="a wide header"),
        pytest.param(b"".join(b'{"c%d": 1}\n' % n for n in range(1001)), 1001, "too_many_columns", id="JSON, wide"),
        pytest.param(b"id,name\n" + b"1,Rowan\n" * 40_000 + b"2,Zo\xeb\n", 40_002, "wrong_encoding", id="late"),
        pytest.param(b"id,name\n1,\xe2\x82", 2, "wrong_encoding", id="half a character at the end"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(content: bytes, row: int, code: str) -> None:
    table = tables.parse("people", content)
    assert (table.rows, refused(content)) == ((), [(row, code)])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(b"2,Ash,extra", "cell_count", id="a comma too many"),
        pytest.param(b"2", "cell_count", id="a row cut short"),
        pytest.param(b"2,A\x00sh", "nul_character", id="NUL"),
        pytest.param(b"2," + b"x" * 10_001, "cell_too_long", id="longer than any cell we take"),
    ],
)
def test_a_bad_csv_row_is_refused_and_the_rest_is_read(bad: bytes, code: str) -> None:
    table = tables.parse("people", b"id,name\n1,Rowan\n" + bad + b"\n3,Elm\n")
    assert [(refusal.row, refusal.code) for refusal in table.refusals] == [(3, code)]
    assert [cells["id"] for _, cells in table.rows] == ["1", "3"]
    assert table.count == 3


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(b'{"id": 2, "id": 3}', "malformed_json", id="a field twice"),
        pytest.param(b'{"id": 2, "ID": 3}', "malformed_json", id="a field twice, in two cases"),
        pytest.param(b'{"id": NaN}', "malformed_json", id="NaN"),
        pytest.param(b"[2]", "malformed_json", id="no object"),
        pytest.param(b'{"id": ' + b"[" * 100_000, "malformed_json", id="nested without end"),
        pytest.param(b'{"id": "\\ud800"}', "not_text", id="half a character"),
        pytest.param(b'{"id": "\\u0000"}', "nul_character", id="NUL"),
    ],
)
def test_a_bad_json_line_is_refused_and_the_rest_is_read(bad: bytes, code: str) -> None:
    table = tables.parse("people", b'{"id": 1}\n' + bad + b'\n{"id": 3}\n')
    assert [(refusal.row, refusal.code) for refusal in table.refusals] == [(2, code)]
    assert [cells["id"] for _, cells in table.rows] == ["1", "3"]
    assert table.count == 3


def test_a_refusal_never_carries_the_value() -> None:
    table = tables.parse("people", b"id,name\n1,Rowan Demo-Ashford,secret\n")
    assert "secret" not in str(table.refusals)
    assert "Ashford" not in str(table.refusals)


@pytest.mark.parametrize("row", [b"1\n", b'{"id": 1}\n'])
def test_more_rows_than_are_taken_refuse_the_file(row: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    header = b"id\n" if row == b"1\n" else b""
    assert len(rows(header + row * 3)) == 3
    table = tables.parse("people", header + row * 4)
    assert (table.rows, table.count, [refusal.code for refusal in table.refusals]) == ((), 0, ["too_many_rows"])


def test_rows_are_read_from_the_file_and_never_all_held() -> None:
    """Whoever opens the file sees it opened anew for each reading, read to its end, and closed."""
    content = b"id,name\n" + b"".join(b"%d,Rowan\n" % n for n in range(50_000))
    opened: list[io.BytesIO] = []

    def opens() -> io.BytesIO:
        opened.append(io.BytesIO(content))
        return opened[-1]

    table = tables.parse("people", opens)
    before = len(opened)
    assert (table.count, all(each.closed for each in opened[1:])) == (50_000, True)
    tracemalloc.start()
    assert sum(int(cells["id"]) for _, cells in table.rows) == sum(range(50_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(opened), opened[-1].closed) == (before + 1, True)
    assert peak < 4 * len(content) + 1_000_000


@given(st.text(alphabet='aë,"\r\n\0 ', max_size=60), st.sampled_from(["utf-8", "utf-8-sig"]), st.integers(1, 7))
def test_a_file_reads_alike_in_pieces_of_any_size(text: str, encoding: str, size: int) -> None:
    content = text.encode(encoding)
    in_pieces, at_once = tables.parse("people", lambda: Dripping(content, size)), tables.parse("people", content)
    assert list(in_pieces.rows) == list(at_once.rows)
    assert (in_pieces.columns, in_pieces.refusals, in_pieces.count) == (
        at_once.columns, at_once.refusals, at_once.count,
    )  # fmt: skip


class Dripping(io.BytesIO):
    """Gives few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self.size = size

    def read1(self, _size: int | None = -1) -> bytes:
        return super().read(self.size)


def test_a_required_column_that_is_not_there_refuses_the_dataset() -> None:
    table = tables.parse("people", b"name\nRowan\n")
    (refusal,) = tables.missing_columns("people", table, ["id"])
    assert (refusal.row, refusal.field, refusal.code, refusal.allowed) == (1, "id", "missing_column", "a column id")


def test_a_header_without_names_does_not_pass_for_an_empty_file() -> None:
    (refusal,) = tables.missing_columns("people", tables.parse("people", b",\n1,Rowan\n"), ["id"])
    assert refusal.code == "missing_column"


@given(st.one_of(st.binary(max_size=200), st.text(alphabet='ab,"\r\n{}[]:\0', max_size=200).map(str.encode)))
def test_whatever_is_sent_is_either_read_or_refused(content: bytes) -> None:
    table = tables.parse("people", content)
    read = list(table.rows)
    assert table.count in (len(read) + len(table.refusals), 0)
    assert table.count or not read
    assert list(table.rows) == read
