"""A saved folder that knows whether it is whole: an index with a checksum of every other file.

The index is JSON: ``format``, ``format_version``, the content of whoever saves, ``files`` (name to
SHA-256) and ``checksum``, the SHA-256 of the index without it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltvforecast.errors import OutputExistsError, StoredFileError
from ltvforecast.output import whole_folder

__all__ = ["FolderKind", "checksum", "damaged", "index_record", "read_index", "sealed_folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderKind:
    """What is saved in such a folder, and how messages speak of it.

    Attributes
    ----------
    name : str
        What it is called: "model".
    index : str
        File name of the index.
    format_name : str
        ``format`` in the index.
    format_version : int
        The newest version that can be read, and the one that is written.
    written_by : str
        The command and the function that write it.
    again : str
        How to get another one: "fit the model again".
    """

    name: str
    index: str
    format_name: str
    format_version: int
    written_by: str
    again: str


@contextmanager
def sealed_folder(folder: Path, kind: FolderKind, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to write into, unless it would replace something of another kind.

    Parameters
    ----------
    folder : pathlib.Path
        Appears whole or not at all. Missing parents are made.
    kind : FolderKind
    overwrite : bool
        Replace a folder of that name and kind. Another folder is never replaced.

    Yields
    ------
    pathlib.Path
        A temporary folder beside it.

    Raises
    ------
    OutputExistsError
        The name is taken and ``overwrite`` is False, or what has it is of another kind.
    ConfigError
        The place can't be written to.
    """
    if overwrite and folder.is_dir():
        _refuse_foreign(folder, kind)
    with whole_folder(folder, overwrite=overwrite) as made:
        yield made


def index_record(
    folder: Path, kind: FolderKind, content: Mapping[str, object], *, files: Sequence[str]
) -> dict[str, object]:
    """Describe a folder whose other files are written: what belongs into its index.

    Parameters
    ----------
    folder : pathlib.Path
    kind : FolderKind
    content : mapping of str to object
        Plain JSON values without NaN and infinity.
    files : sequence of str
        Names of the files that must not change.

    Returns
    -------
    dict of str to object
        ``content`` between format and checksums. The caller writes it as JSON.

    Raises
    ------
    ValueError
        A number in ``content`` is NaN or infinite.
    """
    record: dict[str, object] = {
        "format": kind.format_name,
        "format_version": kind.format_version,
        **content,
        "files": {name: _sha256((folder / name).read_bytes()) for name in files},
    }
    record["checksum"] = checksum(record)
    return record


def read_index(folder: Path, kind: FolderKind, *, files: Sequence[str]) -> dict[str, Any]:
    """Read a folder's index, once the index and all files are what was written.

    Parameters
    ----------
    folder : pathlib.Path
    kind : FolderKind
    files : sequence of str
        Names of the files that must be there.

    Returns
    -------
    dict of str to object
        As :func:`index_record` made it.

    Raises
    ------
    StoredFileError
        The folder is missing, damaged, of another kind, or written in a newer format.
    """
    record = _read_json(folder, kind)
    _check_format(record, folder, kind)
    digests = record.get("files")
    if record.get("checksum") != checksum(record) or not isinstance(digests, dict):
        raise damaged(folder, kind, f"{kind.index} was changed after it was written")
    for name, digest in {**dict.fromkeys(files), **digests}.items():
        _check_file(folder, kind, name, digest)
    return record


def damaged(folder: Path, kind: FolderKind, why: str) -> StoredFileError:
    """Make the error for a folder that is not what was saved.

    Examples
    --------
    >>> kind = FolderKind(
    ...     name="model", index="model.json", format_name="a model", format_version=1,
    ...     written_by="save_model()", again="fit the model again",
    ... )
    >>> print(damaged(Path("cdnow"), kind, "posterior.nc is missing"))
    the model in cdnow is damaged: posterior.nc is missing
      expected: all files as they were saved
      what to do: restore the folder from a copy, or fit the model again
    """
    return StoredFileError(
        f"the {kind.name} in {folder} is damaged: {why}",
        expected="all files as they were saved",
        remedy=f"restore the folder from a copy, or {kind.again}",
    )


def checksum(record: Mapping[str, object]) -> str:
    """SHA-256 of an index without its own checksum, whatever the order of its keys.

    Examples
    --------
    >>> checksum({"a": 1, "b": 2}) == checksum({"b": 2, "a": 1, "checksum": "old"})
    True
    """
    content = {key: value for key, value in record.items() if key != "checksum"}
    return _sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode())


def _refuse_foreign(folder: Path, kind: FolderKind) -> None:
    if any(folder.iterdir()) and not (folder / kind.index).is_file():
        raise OutputExistsError(
            f"{folder} holds something else than a saved {kind.name}",
            expected=f"a new name, or the folder of a saved {kind.name} to replace",
            remedy="choose another name; nothing was changed",
        )


def _read_json(folder: Path, kind: FolderKind) -> dict[str, Any]:
    path = folder / kind.index
    if not path.is_file():
        raise StoredFileError(
            f"there is no saved {kind.name} in {folder}: {kind.index} is missing",
            expected=f"the folder that {kind.written_by} wrote",
            remedy=f"check the name, or {kind.again}",
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_such_number)
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, kind, f"{kind.index} is not JSON ({error})") from error
    if not isinstance(record, dict) or record.get("format") != kind.format_name:
        raise damaged(folder, kind, f"{kind.index} does not describe a saved {kind.name}")
    return record


def _check_format(record: Mapping[str, object], folder: Path, kind: FolderKind) -> None:
    format_version = record.get("format_version")
    if not isinstance(format_version, int) or format_version < 1:
        raise damaged(folder, kind, f"{kind.index} has format version {format_version!r}")
    if format_version > kind.format_version:
        raise StoredFileError(
            f"the {kind.name} in {folder} has format {format_version}, written by ltvforecast "
            f"{record.get('package_version')}",
            expected=f"format {kind.format_version} or older",
            remedy=f"install a newer ltvforecast, or {kind.again}",
        )


def _check_file(folder: Path, kind: FolderKind, name: str, digest: object) -> None:
    path = folder / name
    if not path.is_file():
        raise damaged(folder, kind, f"{name} is missing")
    try:
        found = _sha256(path.read_bytes())
    except OSError as error:
        raise damaged(folder, kind, f"{name} can't be read ({error.strerror})") from error
    if found != digest:
        why = f"{name} is not what was written: it is truncated or was changed"
        raise damaged(folder, kind, why)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _no_such_number(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)
