"""A table of transactions from wherever it is: CSV, Parquet, Excel or any dataframe."""

from __future__ import annotations

import codecs
import csv
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ltvforecast.data.quoting import shown
from ltvforecast.errors import ConfigError, TransactionError
from ltvforecast.types import IntArray

__all__ = ["MalformedLine", "SourceTable", "read_source"]

DELIMITERS = (",", ";", "\t", "|")
LONGEST_CSV_ROW = 1 << 25  # bytes; a row beyond it is an unclosed quote, not a transaction
SNIFFED = 1 << 20  # bytes looked at to find the delimiter and the header


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedLine:
    """A line of a CSV file that has not as many fields as the header."""

    row: int
    text: str
    fields: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """The cells as they stand in the source, and the number of every row there.

    Attributes
    ----------
    name : str
        What to call the source in messages.
    table : pyarrow.Table
        Every column, its name stripped of nothing; CSV columns are all text.
    row : int64 array, shape (n,)
        1-based. CSV: line of the file, the header being line 1; Excel: row of the sheet;
        otherwise: count of the data row.
    row_word : {"line", "sheet row", "data row"}
        What these numbers count.
    malformed : tuple of MalformedLine
    blank_lines : int
        Wholly empty lines, which are passed over.
    """

    name: str
    table: pa.Table
    row: IntArray
    row_word: Literal["line", "sheet row", "data row"]
    malformed: tuple[MalformedLine, ...] = ()
    blank_lines: int = 0


def read_source(source: object, *, sheet: str | None = None) -> SourceTable:
    """Read a file, or take over a dataframe, cell by cell as it stands.

    Parameters
    ----------
    source : str, pathlib.Path or dataframe
        A path ending in ``.csv``, ``.tsv``, ``.txt``, ``.parquet``, ``.pq``, ``.xlsx`` or
        ``.xlsm``, or any dataframe that Narwhals knows (pandas, Polars, PyArrow, a DuckDB
        relation, ...).
    sheet : str or None
        Sheet of an Excel workbook; needed when it has several.

    Returns
    -------
    SourceTable

    Raises
    ------
    ConfigError
        No such file, a folder, an unknown ending, a missing extra, or a sheet that is not there.
    TransactionError
        An empty, damaged or wrongly encoded file, or one without rows.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        reader = _reader_for(path)
        if sheet is not None and reader is not _read_excel:
            raise ConfigError(
                f"a sheet ({sheet!r}) was named, but {path} is no Excel workbook",
                expected="a sheet name for Excel files only",
                remedy="leave out --sheet",
            )
        try:
            found = _read_excel(path, sheet=sheet) if reader is _read_excel else reader(path)
        except OSError as error:
            raise _unreadable(path, error) from error
    else:
        found = _from_frame(source)
    if found.table.num_rows + len(found.malformed) == 0:
        raise TransactionError(
            f"{found.name} has a header but no rows"
            if found.table.num_columns
            else f"{found.name} is empty",
            expected="a header and at least one row",
            remedy="check the export that made it",
        )
    return found


def _reader_for(path: Path) -> Callable[[Path], SourceTable]:
    if not path.exists():
        raise ConfigError(
            f"there is no file {path}",
            expected="a CSV, Parquet or Excel file",
            remedy="correct the path (it is relative to the folder the command runs in)",
        )
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder",
            expected="one CSV, Parquet or Excel file",
            remedy="name a file in it; in Python, a dataframe of a partitioned data set will do",
        )
    readers: dict[str, Callable[[Path], SourceTable]] = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".txt": _read_csv,
        ".parquet": _read_parquet,
        ".pq": _read_parquet,
        ".xlsx": _read_excel,
        ".xlsm": _read_excel,
    }
    ending = path.suffix.lower()
    if ending not in readers:
        raise ConfigError(
            f"{path}: unknown ending {ending!r}" if ending else f"{path} has no ending",
            expected=f"a file ending in {', '.join(readers)}",
            remedy="save it as .xlsx or CSV" if ending == ".xls" else "save or rename it as such",
        )
    return readers[ending]


def _unreadable(path: Path, error: Exception) -> TransactionError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TransactionError(
        f"{path} can't be read: {reason}",
        expected=f"an undamaged {path.suffix.lower()} file that may be opened",
        remedy="check that the file is whole and that you have permission to read it",
    )


def _check_names(names: Sequence[str], *, name: str) -> list[str]:
    """Give unnamed columns a name, and refuse a name used twice."""
    named = [str(text) if str(text).strip() else f"column_{i}" for i, text in enumerate(names, 1)]
    twice = sorted({text for text in named if named.count(text) > 1})
    if twice:
        raise TransactionError(
            f"{name}: the column name {', '.join(shown(text) for text in twice)} is used "
            "more than once",
            expected="every column to have a name of its own",
            remedy="rename or remove one of them",
        )
    return named


# --- CSV ---------------------------------------------------------------------------------------


def _read_csv(path: Path) -> SourceTable:
    data = path.read_bytes()
    _check_text(data, path=path)
    delimiter, header, blank = _sniff(data)
    if not header:
        raise TransactionError(
            f"{path} is empty",
            expected="a header and at least one row",
            remedy="check the export that made it",
        )
    names = _check_names(header, name=str(path))
    cells, bad = _parse_csv(data, path=path, delimiter=delimiter, fields=len(names), skip=blank)
    bad_numbers = np.array([number for number, _, _ in bad], dtype=np.int64)
    total = cells.num_rows + len(bad)
    is_row = np.ones(total, dtype=bool)
    is_row[bad_numbers - 1] = False
    newlines = np.zeros(total, dtype=np.int64)
    newlines[is_row] = _newlines_within(cells)
    newlines[bad_numbers - 1] = [text.count("\n") for _, text, _ in bad]
    _check_quotes(data, path=path, newlines=newlines, first=blank)
    line = blank + 1 + np.arange(total) + np.concatenate([[0], np.cumsum(newlines)[:-1]])
    malformed = [
        MalformedLine(row=int(line[number - 1]), text=text, fields=fields, expected=len(names))
        for number, text, fields in bad
    ]
    body = cells.slice(1).rename_columns(names)
    filled = _filled(body)
    return SourceTable(
        name=str(path),
        table=body.filter(pa.array(filled)) if not filled.all() else body,
        row=line[is_row][1:][filled],
        row_word="line",
        malformed=tuple(malformed),
        blank_lines=int((~filled).sum()),
    )


def _check_text(data: bytes, *, path: Path) -> None:
    """Refuse what is not UTF-8, naming the first byte that is not."""
    for magic, kind in ((b"PK\x03\x04", "an Excel workbook or a zip"), (b"PAR1", "a Parquet file")):
        if data.startswith(magic):
            raise TransactionError(
                f"{path} is {kind} whose name says it is text",
                expected="a text file with a header line",
                remedy="give it the ending of what it is, or save it as CSV",
            )
    decoder = codecs.getincrementaldecoder("utf-8")()
    step = 1 << 24
    for start in range(0, len(data) + 1, step):
        waiting = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + step], final=start + step > len(data))
        except UnicodeDecodeError as error:
            place = start - waiting + error.start
            utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
            line = data.count(b"\n", 0, place) + 1
            raise TransactionError(
                f"{path} is not UTF-8 text: byte {place + 1:,} is 0x{data[place]:02x}, on line "
                f"{line:,}{' (it looks like UTF-16)' if utf16 else ''}",
                expected="a text file in UTF-8",
                remedy="save it again as UTF-8 (Excel: 'CSV UTF-8'), or convert it, for example "
                f"`iconv -f {'UTF-16' if utf16 else 'WINDOWS-1252'} -t UTF-8`",
            ) from error


def _sniff(data: bytes) -> tuple[str, list[str], int]:
    """Find the delimiter that cuts the header into most fields, and count blank lines above."""
    sample = data[:SNIFFED].decode("utf-8-sig", errors="ignore")
    unindented = sample.lstrip("\r\n")
    blank = len(sample[: len(sample) - len(unindented)].replace("\r\n", "\n"))
    if not unindented.strip():
        return ",", [], blank
    headers = [
        next(csv.reader(io.StringIO(unindented, newline=""), delimiter=delimiter), [])
        for delimiter in DELIMITERS
    ]
    best = max(range(len(DELIMITERS)), key=lambda i: len(headers[i]))
    return DELIMITERS[best], headers[best], blank


def _parse_csv(
    data: bytes, *, path: Path, delimiter: str, fields: int, skip: int
) -> tuple[pa.Table, list[tuple[int, str, int]]]:
    """Cut the file into cells, header included; records of another width come apart, by number."""
    bad: list[tuple[int, str, int]] = []

    def set_aside(row: Any) -> Literal["skip"]:
        bad.append((row.number - skip, row.text, row.actual_columns))
        return "skip"

    try:
        cells = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(
                use_threads=False,  # only then are malformed records numbered
                autogenerate_column_names=True,
                block_size=min(LONGEST_CSV_ROW, len(data) + 1),
                skip_rows=skip,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=set_aside,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types={f"f{i}": pa.large_string() for i in range(fields)},
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _unclosed_quote(path, detail=str(error)) from error
    return cells, bad


def _newlines_within(cells: pa.Table) -> IntArray:
    counts = np.zeros(cells.num_rows, dtype=np.int64)
    for column in cells.columns:
        counts += pc.count_substring(column, "\n").to_numpy().astype(np.int64)
    return counts


def _check_quotes(data: bytes, *, path: Path, newlines: IntArray, first: int) -> None:
    """Refuse a last record that swallowed lines because a quote was never closed."""
    if newlines.size and newlines[-1] > 0:
        before = first + len(newlines) - 1 + int(newlines[:-1].sum())
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
        start = int(ends[before - 1]) + 1 if 0 < before <= len(ends) else 0
        if data.count(b'"', start) % 2 == 1:
            line = f"line {before + 1:,} and all after it are one record"
            raise _unclosed_quote(path, detail=line)


def _unclosed_quote(path: Path, *, detail: str) -> TransactionError:
    return TransactionError(
        f'{path}: a quotation mark (") is opened and never closed ({detail})',
        expected='quotes in pairs, and quotes inside a quoted field doubled ("")',
        remedy="correct that line, or export the file again",
    )


def _filled(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say which rows have anything in them."""
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        if pa.types.is_large_string(column.type):
            some = pc.fill_null(pc.not_equal(column, ""), fill_value=False)
        else:
            some = pc.is_valid(column)
        filled |= some.to_numpy()
        if filled.all():
            break
    return filled


# --- Parquet, Excel ----------------------------------------------------------------------------


def _read_parquet(path: Path) -> SourceTable:
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    return SourceTable(
        name=str(path),
        table=table.rename_columns(_check_names(table.column_names, name=str(path))),
        row=np.arange(1, table.num_rows + 1),
        row_word="data row",
    )


def _read_excel(path: Path, *, sheet: str | None = None) -> SourceTable:
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigError(
            f"{path} is an Excel workbook, and openpyxl, which reads it, is not installed",
            expected="the extra 'excel'",
            remedy="pip install 'ltvforecast[excel]', or save the sheet as CSV",
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and validations it does not know; cells are read
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                chosen = _choose_sheet([each.title for each in book.worksheets], sheet, path=path)
                book[chosen].reset_dimensions()
                cells = [list(values) for values in book[chosen].iter_rows(values_only=True)]
            finally:
                book.close()
        except (ConfigError, OSError):
            raise
        except Exception as error:  # a damaged workbook fails in many ways
            raise _unreadable(path, error) from error
    return _from_cells(cells, name=f"{path}, sheet {shown(chosen)}")


def _choose_sheet(titles: Sequence[str], sheet: str | None, *, path: Path) -> str:
    listed = ", ".join(shown(title) for title in titles)
    if sheet is not None and sheet not in titles:
        raise ConfigError(
            f"{path} has no sheet {sheet!r}", expected=f"one of: {listed}", remedy="correct --sheet"
        )
    if sheet is None and len(titles) != 1:
        raise ConfigError(
            f"{path} has {len(titles)} sheets: {listed}",
            expected="to know which of them holds the transactions",
            remedy="name it with --sheet",
        )
    return sheet if sheet is not None else titles[0]


def _from_cells(cells: list[list[object]], *, name: str) -> SourceTable:
    """Make a table of the rows of a sheet; the first row with anything in it is the header."""
    filled = [i for i, values in enumerate(cells) if any(v not in (None, "") for v in values)]
    if not filled:
        return SourceTable(
            name=name, table=pa.table({}), row=np.array([], int), row_word="sheet row"
        )
    width = max(len(cells[i]) for i in filled)
    padded = [cells[i] + [None] * (width - len(cells[i])) for i in filled]
    names = _check_names(["" if v is None else str(v) for v in padded[0]], name=name)
    columns = list(zip(*padded[1:], strict=True)) or [()] * width
    kept = [
        i
        for i, label in enumerate(names)
        if label != f"column_{i + 1}" or any(v is not None for v in columns[i])
    ]
    table = pa.table({names[i]: _objects_to_arrow(list(columns[i])) for i in kept})
    return SourceTable(
        name=name,
        table=table,
        row=np.array(filled[1:], dtype=np.int64) + 1,
        row_word="sheet row",
        blank_lines=filled[-1] + 1 - filled[0] - len(filled),
    )


# --- dataframes --------------------------------------------------------------------------------


def _from_frame(source: object) -> SourceTable:
    name = f"the {type(source).__module__.split('.')[0].strip('_')} {type(source).__name__}"
    try:
        if isinstance(source, pd.DataFrame):
            names = _check_names([str(column) for column in source.columns], name=name)
            table = pa.table(
                {label: _series_to_arrow(source.iloc[:, i]) for i, label in enumerate(names)}
            )
        else:
            frame: Any = nw.from_native(source)
            eager = frame.collect(backend="pyarrow") if isinstance(frame, nw.LazyFrame) else frame
            table = eager.to_arrow()
            table = table.rename_columns(_check_names(table.column_names, name=name))
    except TransactionError:
        raise
    except TypeError as error:
        raise TransactionError(
            f"a table can't be read from {name}",
            expected="the path of a CSV, Parquet or Excel file, or a dataframe that Narwhals knows "
            "(pandas, Polars, PyArrow, DuckDB, ...)",
            remedy="pass one of these",
        ) from error
    except Exception as error:  # every engine has errors of its own
        raise TransactionError(
            f"{name} can't be turned into a table: {str(error).splitlines()[0]}",
            expected="a dataframe whose columns are text, numbers or dates",
            remedy="convert its columns, or pass only those that are needed",
        ) from error
    return SourceTable(
        name=name, table=table, row=np.arange(1, table.num_rows + 1), row_word="data row"
    )


def _series_to_arrow(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    if series.dtype != object:
        try:
            return pa.array(series, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError):
            series = series.astype(object)
    return _objects_to_arrow(series.tolist())


def _objects_to_arrow(values: list[object]) -> pa.Array:
    """Turn loose Python objects into one Arrow column: numbers if all are, otherwise text.

    Dates become ISO text, so that times with and without an offset stay told apart.
    """
    missing = pd.isna(pd.Series(values, dtype=object)).to_numpy(dtype=bool)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    clean = [None if gone else value for value, gone in zip(values, missing, strict=True)]
    if kind in ("integer", "floating", "mixed-integer-float", "boolean"):
        try:
            return pa.array(
                clean, pa.float64() if kind in ("floating", "mixed-integer-float") else None
            )
        except (pa.ArrowException, OverflowError):
            pass
    return pa.array([None if v is None else _as_plain_text(v) for v in clean], pa.large_string())


def _as_plain_text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)
