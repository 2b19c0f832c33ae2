from __future__ import annotations

import json
from pathlib import Path

import pytest

from ltvforecast.errors import OutputExistsError, StoredFileError
from ltvforecast.sealed import FolderKind, index_record, read_index, sealed_folder

KIND = FolderKind(
    name="thing",
    index="thing.json",
    format_name="a thing",
    format_version=2,
    written_by="`make thing`",
    again="make it again",
)


def save(folder: Path, *, sealed: list[str], overwrite: bool = False) -> None:
    with sealed_folder(folder, KIND, overwrite=overwrite) as made:
        for name in ("a.txt", "b.txt"):
            (made / name).write_text(name, encoding="utf-8")
        record = index_record(made, KIND, {"colour": "blau"}, files=sealed)
        (made / KIND.index).write_text(json.dumps(record), encoding="utf-8")


def test_the_index_holds_what_was_given_between_format_and_checksums(tmp_path: Path) -> None:
    save(tmp_path / "kept", sealed=["a.txt"])
    record = read_index(tmp_path / "kept", KIND, files=["a.txt"])
    assert list(record) == ["format", "format_version", "colour", "files", "checksum"]
    # printf a.txt | sha256sum
    assert record["files"] == {
        "a.txt": "18b7cb099a9ea3f50ba899b5ba81e0d377a5f3b16f8f6eeb8b3e58cd4692b993"
    }


def test_a_file_is_checked_if_it_is_listed_or_needed(tmp_path: Path) -> None:
    save(tmp_path / "kept", sealed=["a.txt"])
    with pytest.raises(StoredFileError, match=r"b\.txt is not what was written"):
        read_index(tmp_path / "kept", KIND, files=["b.txt"])
    (tmp_path / "kept" / "a.txt").write_text("else", encoding="utf-8")
    with pytest.raises(StoredFileError, match=r"a\.txt is not what was written"):
        read_index(tmp_path / "kept", KIND, files=[])


def test_messages_speak_of_the_kind(tmp_path: Path) -> None:
    with pytest.raises(StoredFileError, match=r"no saved thing in .*thing\.json") as refused:
        read_index(tmp_path, KIND, files=[])
    assert refused.value.expected == "the folder that `make thing` wrote"
    assert refused.value.remedy == "check the name, or make it again"


def test_only_its_own_kind_is_replaced(tmp_path: Path) -> None:
    save(tmp_path / "kept", sealed=[])
    save(tmp_path / "kept", sealed=["b.txt"], overwrite=True)
    assert list(read_index(tmp_path / "kept", KIND, files=[])["files"]) == ["b.txt"]
    (tmp_path / "kept" / KIND.index).unlink()
    with pytest.raises(OutputExistsError, match="something else than a saved thing"):
        save(tmp_path / "kept", sealed=[], overwrite=True)
    (tmp_path / "empty").mkdir()
    save(tmp_path / "empty", sealed=[], overwrite=True)


@pytest.mark.parametrize("content", ['{"x": NaN}', '{"x": -Infinity}', "[" * 100_000, "nonsense"])
def test_an_index_that_is_no_json_is_damaged(content: str, tmp_path: Path) -> None:
    save(tmp_path / "kept", sealed=["a.txt"])
    (tmp_path / "kept" / KIND.index).write_text(content, encoding="utf-8")
    with pytest.raises(StoredFileError, match="is not JSON"):
        read_index(tmp_path / "kept", KIND, files=[])
