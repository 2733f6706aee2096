import shutil
import zipfile
from pathlib import Path

import pytest
from small_corpus import write_corpus

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.training.corpus.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def packed(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def test_a_folder_and_its_archive_hold_the_same(folder: Path, packed: Path) -> None:
    entries = Store(folder).entries()
    assert Store(packed).entries() == entries
    assert [Store(path).is_packed for path in (folder, packed)] == [False, True]
    for entry in entries:
        assert Store(folder).content(entry) == Store(packed).content(entry)
        photos = [images.read_photo(Store(path).source(entry)) for path in (folder, packed)]
        assert (photos[0].pixels == photos[1].pixels).all()


def test_an_archive_that_has_changed_is_read_again(folder: Path, packed: Path) -> None:
    assert len(Store(packed).entries()) == 6
    (folder / "manifest.csv").write_text("file,group,licence\n")
    shutil.make_archive(str(folder), "zip", folder)
    assert Store(packed).entries() == []


def test_what_is_missing_is_named(folder: Path, packed: Path) -> None:
    first = Store(folder).entries()[0]
    (folder / first.file).unlink()
    with pytest.raises(BadInput, match=r"soft/0\.png cannot be read"):
        Store(folder).content(first)
    shutil.make_archive(str(folder), "zip", folder)
    with pytest.raises(BadInput, match=r"soft/0\.png is listed but not there"):
        Store(packed).source(first)
    with zipfile.ZipFile(packed, "w"):
        pass
    with pytest.raises(BadInput, match=r"holds no manifest\.csv"):
        Store(packed).entries()


def test_a_file_that_is_no_archive_is_refused(packed: Path) -> None:
    packed.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="expected a packed corpus"):
        Store(packed).entries()


def test_damage_inside_an_archive_is_noticed(packed: Path, folder: Path) -> None:
    content = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        first = Store(folder).entries()[0]
        at = archive.getinfo(first.file).header_offset + 200
    content[at] ^= 255
    packed.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        Store(packed).content(first)


def test_damage_inside_an_archive_s_manifest_is_noticed(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        info = archive.getinfo("manifest.csv")
    whole = packed.read_bytes()
    start = info.header_offset + 30 + len(info.filename)
    for at in range(start, start + info.compress_size, 3):
        content = bytearray(whole)
        content[at] ^= 0x55
        packed.write_bytes(content)
        with pytest.raises(BadInput):
            Store(packed).entries()


def test_damage_that_looks_like_encryption_is_noticed(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        at = archive.getinfo("manifest.csv").header_offset + 6
        listed = archive.start_dir
    content = bytearray(packed.read_bytes())
    content[at] ^= 1
    content[content.index(b"manifest.csv", listed) - 38] ^= 1  # the same flags in the archive's list
    packed.write_bytes(content)
    with pytest.raises(BadInput, match=r"cannot be read: .*encrypted"):
        Store(packed).entries()
