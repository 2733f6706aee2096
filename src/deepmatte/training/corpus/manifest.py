"""What a corpus folder says of its files: the one reader and writer of its manifest.

A corpus is a folder with manifest.csv (or manifest.parquet, which needs pyarrow) and the pictures it lists,
usually under foreground/ and background/. docs/corpus.md describes the columns.
"""

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from deepmatte import outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.outputs import name_some, show

CSV, PARQUET = "manifest.csv", "manifest.parquet"
KINDS = ("foreground", "background")
SPLITS = ("train", "test", "")
SUBJECT = "subject"  # a further column: files of one subject are on one side of a split
UNKNOWN_LICENCE = "unknown"  # what someone wrote who decided to use a file all the same


@dataclass(frozen=True)
class Entry:
    """One picture of a corpus: a foreground with its alpha, or a background.

    file: path below the corpus folder, with forward slashes; kind: a name in KINDS; split: one of SPLITS, ""
    where nobody has decided; sha256: of the file's bytes, "" where it is not known; extra: further columns
    and their text, kept as they are.
    """

    file: str
    kind: str
    group: str
    licence: str
    source: str = ""
    author: str = ""
    split: str = ""
    sha256: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts or "\\" in self.file or path.as_posix() != self.file:
            raise BadInput(
                f"{show(self.file)} is no path below a corpus folder; expected foreground/NAME.png"
            )
        if self.kind not in KINDS:
            raise BadInput(
                f"{show(self.file)} is of the kind {self.kind!r}; expected one of {', '.join(KINDS)}"
            )
        if self.split not in SPLITS:
            raise BadInput(
                f"{show(self.file)} is in the split {self.split!r}; expected train, test or nothing"
            )

    @property
    def stem(self) -> str:
        """The file's path without its suffix."""
        return str(PurePosixPath(self.file).with_suffix(""))


COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "extra")


def read(directory: Path, *, needs_licence: bool = True) -> list[Entry]:
    """Return what a corpus folder's manifest lists, in its order.

    A manifest without the column kind tells it by the first folder of each path. needs_licence: whether to
    insist on a licence for each file.
    Raises BadInput for a folder without a manifest or with two, a manifest that cannot be read, and rows that
    make no sense or have no licence, by their files' names. That files exist is not looked at.
    """
    directory = Path(directory)
    found = [name for name in (CSV, PARQUET) if (directory / name).is_file()]
    if not found:
        raise BadInput(f"{show(directory)} has no readable {CSV}; expected a corpus folder")
    if len(found) > 1:
        raise BadInput(f"{show(directory)} has both {CSV} and {PARQUET}; remove the one that is out of date")
    path = directory / found[0]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{show(path)} cannot be read: {error.strerror}") from error
    return parse(content, str(path), needs_licence=needs_licence)


def parse(content: bytes, name: str, *, needs_licence: bool = True) -> list[Entry]:
    """Return what a manifest lists, given its bytes. name: its path, whose suffix tells the form.

    Raises BadInput as `read` does.
    """
    shown = show(name)
    rows = _from_parquet(content, shown) if name.endswith(".parquet") else _from_csv(content, shown)
    entries = [_entry(row, shown) for row in rows]
    if twice := _twice(entry.file for entry in entries):
        raise BadInput(f"{shown} lists {name_some(twice)} twice; expected each file once")
    if needs_licence:
        check_licences(entries)
    return entries


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a manifest.csv that need not be a corpus's; all they must have is the column file.

    Raises BadInput where it cannot be read or a row has no file.
    """
    try:
        rows = _from_csv(path.read_bytes(), show(path))
    except OSError as error:
        raise BadInput(f"{show(path)} cannot be read: {error.strerror}") from error
    if not all(row.get("file") for row in rows):
        raise BadInput(f"{show(path)} has a row without file; expected that column to name each picture")
    return rows


def write(directory: Path, entries: Sequence[Entry], *, parquet: bool = False) -> None:
    """Write a corpus folder's manifest whole or not at all, in place of the one there is.

    parquet: write manifest.parquet, which needs pyarrow, instead of manifest.csv.
    Raises BadOutput where it cannot be written or where a manifest of the other form would stay beside it.
    """
    directory = Path(directory)
    name, other = (PARQUET, CSV) if parquet else (CSV, PARQUET)
    if (directory / other).exists():
        raise BadOutput(f"{show(directory)} has a {other} already; remove it, or write that one")
    content = _to_parquet(entries) if parquet else to_csv(entries)
    outputs.write_bytes(directory / name, content, overwrite=True)


def to_csv(entries: Sequence[Entry]) -> bytes:
    """Return the bytes of a manifest.csv."""
    columns, rows = _table(entries)
    return format_csv([columns, *([row.get(column, "") for column in columns] for row in rows)]).encode()


def format_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells, the first being the columns' names, as a CSV file's text."""
    text = io.StringIO(newline="")
    # A writer that ends lines by \n alone leaves \r without the quotes that a reader needs.
    has_return = any("\r" in cell for row in rows for cell in row)
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL)
    writer.writerows(rows)
    return text.getvalue()


def fingerprint(entries: Sequence[Entry]) -> str:
    """Return the SHA-256 of all that a manifest says, whichever its form and the order of its rows."""
    return hashlib.sha256(to_csv(sorted(entries, key=place))).hexdigest()


def place(entry: Entry) -> tuple[str, str]:
    """Return what entries are put in order by, wherever the order of rows is to make no difference."""
    return entry.file, repr(entry)


def leave_out(entries: Iterable[Entry], groups: Collection[str]) -> list[Entry]:
    """Return the entries of other groups. Raises BadInput for a group that none is of."""
    check_groups(entries := list(entries), groups)
    return [entry for entry in entries if entry.group not in groups]


def check_groups(entries: Iterable[Entry], groups: Collection[str]) -> None:
    """Raise BadInput if some of the groups, which are to be left out, are no entry's."""
    known = sorted({entry.group for entry in entries})
    if unknown := sorted(set(groups) - set(known)):
        raise BadInput(
            f"there is no group called {name_some(unknown)} to leave out; expected some of {', '.join(known)}"
        )


def check_licences(entries: Iterable[Entry]) -> None:
    """Raise BadInput, by their names, for files without a licence."""
    if without := [entry.file for entry in entries if not entry.licence.strip()]:
        raise BadInput(
            f"{name_some(without)} {'has' if len(without) == 1 else 'have'} no licence; expected one for each"
            f' file: name it, or write "{UNKNOWN_LICENCE}" if you decide to use them all the same'
        )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes. Raises BadInput where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{show(path)} cannot be read: {error.strerror}") from error


def _entry(row: Mapping[str, str], shown: str) -> Entry:
    file = row.get("file") or ""
    if not file or row.get("group") is None:
        raise BadInput(f"{shown} has a row without file or group; expected both columns")
    known = {column: (row.get(column) or "").strip() for column in COLUMNS} | {"file": file}
    known["kind"] = known["kind"] or file.split("/")[0]
    extra = tuple((column, text) for column, text in row.items() if column not in COLUMNS)
    try:
        return Entry(**known, extra=extra)
    except BadInput as error:
        raise BadInput(f"{shown}: {error}") from None


def _from_csv(content: bytes, shown: str) -> list[dict[str, str]]:
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, restkey="", restval="", strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{shown} cannot be read: {error}") from error
    if too_long := next((row for row in rows if isinstance(row.get(""), list)), None):
        raise BadInput(
            f"{shown} has more cells for {show(too_long.get('file', ''))} than it has columns;"
            " put text that holds a comma in quotes"
        )
    return rows


def _from_parquet(content: bytes, shown: str) -> list[dict[str, str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{shown} is read by pyarrow, which is not installed: pip install 'deepmatte[corpus]'"
        ) from error
    try:
        rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    except (OSError, ArrowException) as error:
        raise BadInput(f"{shown} cannot be read: {str(error).splitlines()[0]}") from error
    return [{column: "" if cell is None else str(cell) for column, cell in row.items()} for row in rows]


def _to_parquet(entries: Sequence[Entry]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    columns, rows = _table(entries)
    table = pyarrow.table({column: [row.get(column, "") for row in rows] for column in columns})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _table(entries: Sequence[Entry]) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the columns there are, and each entry's cells by column."""
    extra = dict.fromkeys(column for entry in entries for column, _ in entry.extra)
    rows = [{column: getattr(entry, column) for column in COLUMNS} | dict(entry.extra) for entry in entries]
    return (*COLUMNS, *extra), rows


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
