"""Files and frames as they come: good, odd, damaged and hostile."""

from __future__ import annotations

import builtins
import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ltvforecast.data.source import SourceTable, read_source
from ltvforecast.errors import ConfigError, TransactionError


def write(folder: Path, text: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def cells(source: SourceTable) -> list[tuple[object, ...]]:
    return list(zip(*source.table.to_pydict().values(), strict=True))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "a,b,c\n00007,x,1.5\n8,,2\n".replace(",", delimiter)
    source = read_source(write(tmp_path, text))
    assert source.table.column_names == ["a", "b", "c"]
    assert cells(source) == [("00007", "x", "1.5"), ("8", "", "2")]
    assert source.row.tolist() == [2, 3]
    assert source.row_word == "line"


def test_csv_with_mark_crlf_and_semicolons_in_quotes(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf"a;x";b\r\n"1;2";"say ""hi"""\r\n'
    source = read_source(write(tmp_path, text))
    assert source.table.column_names == ["a;x", "b"]
    assert cells(source) == [("1;2", 'say "hi"')]


def test_csv_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = '\n\na,b\n1,2\n\n"x\ny\nz",3\n4\n5,6\n7,8,9\n,\n10,11\n\n\n'
    #       1  2 3    4    5 6     7  8      9  10   11     12 13
    source = read_source(write(tmp_path, text))
    assert cells(source) == [("1", "2"), ("x\ny\nz", "3"), ("5", "6"), ("10", "11")]
    assert source.row.tolist() == [4, 6, 10, 13]
    assert [(line.row, line.text, line.fields) for line in source.malformed] == [
        (9, "4", 1),
        (11, "7,8,9", 3),
    ]
    assert source.blank_lines == 4


def test_csv_lines_are_right_beyond_one_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ltvforecast.data.source.LONGEST_CSV_ROW", 500)
    lines = ["a,b", *(f"{i},x" if i % 10 else f"{i}" for i in range(2, 2001))]
    source = read_source(write(tmp_path, "\n".join(lines)))
    assert source.row.tolist() == [i for i in range(2, 2001) if i % 10]
    assert source.table["a"].to_pylist() == [str(i) for i in range(2, 2001) if i % 10]
    assert [line.row for line in source.malformed] == list(range(10, 2001, 10))


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"2\n3,4\n5,6\n',  # the rest of the file becomes one good cell
        'a,b,c\n1,"2,3\n4,5,6\n7,8,9\n',  # or one malformed record
    ],
)
def test_csv_unclosed_quote_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TransactionError, match=r"never closed.*line 2"):
        read_source(write(tmp_path, text))


def test_csv_endless_record_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltvforecast.data.source.LONGEST_CSV_ROW", 100)
    with pytest.raises(TransactionError, match="never closed"):
        read_source(write(tmp_path, 'a,b\n1,"' + "2\n" * 200))


def test_csv_inch_sign_is_no_open_quote(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, 'a,b\n5" pipe,1\n"two\nlines",2\n'))
    assert cells(source) == [('5" pipe', "1"), ("two\nlines", "2")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,b\nM\xfcller,1\n".encode("latin-1"), r"byte 6 is 0xfc, on line 2"),
        (b"a\xff,b\n1,2\n", r"byte 2 is 0xff, on line 1"),
        ("a,b\n1,2\n".encode("utf-16"), "looks like UTF-16"),
    ],
)
def test_csv_encoding_is_told_with_its_byte(tmp_path: Path, text: bytes, place: str) -> None:
    with pytest.raises(TransactionError, match=place) as caught:
        read_source(write(tmp_path, text))
    assert "UTF-8" in caught.value.remedy


def test_csv_wrong_byte_beyond_a_chunk_is_placed(tmp_path: Path) -> None:
    # the decoder takes 16 MiB at a time; a character cut in two there must not move the count
    head = b"a,b\n" + b"x" * ((1 << 24) - 5) + "\u20ac".encode()
    with pytest.raises(TransactionError, match=rf"byte {len(head) + 3:,} is 0xe9"):
        read_source(write(tmp_path, head + b",1\xe9\n"))


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(TransactionError, match="is empty"):
        read_source(write(tmp_path, text))


def test_header_only(tmp_path: Path) -> None:
    with pytest.raises(TransactionError, match="has a header but no rows"):
        read_source(write(tmp_path, "a,b\n"))


def test_column_name_twice(tmp_path: Path) -> None:
    with pytest.raises(TransactionError, match="'a' is used more than once"):
        read_source(write(tmp_path, "a,b,a\n1,2,3\n"))
    with pytest.raises(TransactionError, match="'a' is used more than once"):
        read_source(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_unnamed_columns_get_a_name(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "a,,\n1,2,3\n"))
    assert source.table.column_names == ["a", "column_2", "column_3"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.csv", "there is no file"),
        ("", "is a folder"),
        ("orders.doc", "unknown ending '.doc'"),
        ("orders", "has no ending"),
        ("old.xls", "unknown ending '.xls'"),
    ],
)
def test_path_that_means_nothing(tmp_path: Path, name: str, message: str) -> None:
    for made in ("orders.doc", "orders", "old.xls"):
        write(tmp_path, "a", made)
    with pytest.raises(ConfigError, match=message):
        read_source(tmp_path / name)


def test_workbook_or_parquet_called_csv(tmp_path: Path) -> None:
    with pytest.raises(TransactionError, match="an Excel workbook or a zip"):
        read_source(write(tmp_path, b"PK\x03\x04rest"))
    with pytest.raises(TransactionError, match="a Parquet file"):
        read_source(write(tmp_path, b"PAR1rest"))


@pytest.mark.parametrize("ending", ["parquet", "xlsx"])
def test_damaged_file(tmp_path: Path, ending: str) -> None:
    with pytest.raises(TransactionError, match="can't be read"):
        read_source(write(tmp_path, b"not at all", f"bad.{ending}"))


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    pq.write_table(pa.table({"a": list(range(10_000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TransactionError, match="can't be read"):
        read_source(path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(TransactionError, match="Permission denied"):
        read_source(write(tmp_path, "a,b\n1,2\n"))


def workbook(path: Path, *sheets: tuple[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for values in rows:
            sheet.append(values)
    book.save(path)
    return path


def test_excel(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [],
        ["id", "day", "amount", "mixed", None],
        ["00007", dt.datetime(2025, 3, 4), 12.5, 7.0, None],  # noqa: DTZ001 - naive on purpose
        [],
        ["8", dt.datetime(2025, 3, 5), None, "x", None],  # noqa: DTZ001 - naive on purpose
    ]
    source = read_source(workbook(tmp_path / "a.xlsx", ("Orders", rows)))
    assert source.table.column_names == ["id", "day", "amount", "mixed"]
    assert cells(source) == [
        ("00007", "2025-03-04 00:00:00", 12.5, "7"),
        ("8", "2025-03-05 00:00:00", None, "x"),
    ]
    assert source.row.tolist() == [3, 5]
    assert source.row_word == "sheet row"
    assert source.blank_lines == 1


def test_excel_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ("One", [["a"], [1]]), ("Two", [["b"], [2]]))
    with pytest.raises(ConfigError, match="has 2 sheets: 'One', 'Two'"):
        read_source(path)
    with pytest.raises(ConfigError, match="has no sheet 'Three'"):
        read_source(path, sheet="Three")
    assert read_source(path, sheet="Two").table.to_pydict() == {"b": [2]}
    with pytest.raises(ConfigError, match="no Excel workbook"):
        read_source(write(tmp_path, "a,b\n1,2\n"), sheet="Two")


def test_excel_empty_sheet(tmp_path: Path) -> None:
    with pytest.raises(TransactionError, match="is empty"):
        read_source(workbook(tmp_path / "a.xlsx", ("One", [])))
    with pytest.raises(TransactionError, match="no rows"):
        read_source(workbook(tmp_path / "b.xlsx", ("One", [["a", "b"]])))


def test_excel_without_openpyxl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx", ("One", [["a"], [1]]))
    real = builtins.__import__

    def fake(name: str, *rest: object) -> object:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fake)
    with pytest.raises(ConfigError, match=r"pip install 'ltvforecast\[excel\]'"):
        read_source(path)


FRAME = pd.DataFrame({"id": ["00007", None], "amount": [1.5, np.nan], "n": [1, 2]})


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        pl.from_pandas(FRAME),
        pl.from_pandas(FRAME).lazy(),
        pa.Table.from_pandas(FRAME),
        FRAME.convert_dtypes(dtype_backend="pyarrow"),
        FRAME.astype({"id": "category"}),
        duckdb.from_arrow(pa.Table.from_pandas(FRAME)),
    ],
    ids=["pandas", "polars", "polars lazy", "pyarrow", "pandas-pyarrow", "category", "duckdb"],
)
def test_frames_of_every_engine(source: object) -> None:
    found = read_source(source)
    assert found.table["id"].to_pylist() == ["00007", None]
    assert found.table["amount"].to_pylist() == [1.5, None]
    assert found.table["n"].to_pylist() == [1, 2]
    assert found.row.tolist() == [1, 2]
    assert found.row_word == "data row"


def test_loose_objects_keep_times_with_and_without_offset_apart() -> None:
    days = [dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 1, tzinfo=dt.UTC), None]  # noqa: DTZ001 - naive on purpose
    frame = pd.DataFrame({"date": pd.Series(days, dtype=object)})
    assert read_source(frame).table["date"].to_pylist() == [
        "2025-01-01 00:00:00",
        "2025-01-01 00:00:00+00:00",
        None,
    ]


def test_loose_numbers_stay_numbers_and_huge_ones_become_text() -> None:
    frame = pd.DataFrame(
        {
            "a": pd.Series([1, 2.5, None], dtype=object),
            "b": pd.Series([10**30, 1, None], dtype=object),
        }
    )
    table = read_source(frame).table
    assert table["a"].to_pylist() == [1.0, 2.5, None]
    assert table["b"].to_pylist() == [str(10**30), "1", None]


@pytest.mark.parametrize("source", [[1, 2], {"a": [1]}, None, 7])
def test_what_is_no_table(source: object) -> None:
    with pytest.raises(TransactionError, match="can't be read from"):
        read_source(source)


def test_empty_frame() -> None:
    with pytest.raises(TransactionError, match="no rows"):
        read_source(pd.DataFrame({"a": []}))
    with pytest.raises(TransactionError, match="is empty"):
        read_source(pd.DataFrame())
