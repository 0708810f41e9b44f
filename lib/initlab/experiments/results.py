"""Results in rows: a table of plain columns, and a file that preserves it whatever happens.

The file is CSV, readable for people and for pandas. It is replaced as a whole or not at all, so
that it is never left half written, even if the machine crashes in the middle.
"""

import csv
import io
import itertools
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from initlab._engine.checks import known_name

KINDS = {str: str, int: np.int64, float: np.float64}


class Table(dict):
    """A table: a dict of column names to arrays with one entry per row.

    ``table["test_accuracy"]`` is a column, ``table.rows()`` returns the rows, and
    ``pandas.DataFrame(table)`` is a data frame.
    """

    @classmethod
    def of(cls, rows, columns):
        """Return a table of rows, which are dicts; ``columns`` is a dict of name to type."""
        rows = list(rows)
        return cls(
            {name: np.array([row[name] for row in rows], KINDS[columns[name]]) for name in columns}
        )

    def rows(self):
        """Return the rows as a list of dicts of plain Python values."""
        columns = [column.tolist() for column in self.values()]
        return [dict(zip(self, row, strict=True)) for row in zip(*columns, strict=True)]

    def where(self, **values):
        """Return the rows in which the named columns have these values.

        Parameters
        ----------
        **values
            A value, or a list of accepted values. Initializers and activations may be passed in
            place of their names.
        """
        chosen = np.full(len(next(iter(self.values()), ())), True)
        for name, value in values.items():
            column = self[known_name("column", name, self)]
            several = isinstance(value, (list, tuple, set, range, np.ndarray))
            wanted = [
                repr(each) if column.dtype.kind == "U" and not isinstance(each, str) else each
                for each in (value if several else [value])
            ]
            chosen &= np.isin(column, wanted)
        return Table({name: column[chosen] for name, column in self.items()})

    def grid(self, column, *axes):
        """Return a column as an array with one axis per named column, and one for the repeats.

        Parameters
        ----------
        column : str
        *axes : str
            Columns, e.g. "initializer", "depth". Their values are ordered as in the rows.

        Returns
        -------
        array, shape (values of the first axis, values of the second, ..., repeats)
            E.g. over seeds: ``table.grid("test_accuracy", "depth").mean(axis=-1)``.
        """
        for name in (column, *axes):
            known_name("column", name, self)
        if len(set(axes)) < len(axes):
            raise ValueError(f"axes={axes!r}: one of them is there twice")
        entries = {}
        for row in self.rows():
            # NaN doesn't equal itself, so a string stands in for it.
            point = tuple("nan" if row[name] != row[name] else row[name] for name in axes)
            entries.setdefault(point, []).append(row[column])
        values = [list(dict.fromkeys(kinds)) for kinds in zip(*entries, strict=True)]
        points = list(itertools.product(*values))
        most = max(map(len, entries.values()), default=0)
        for point in points:
            if len(entries.get(point, ())) != most:
                raise ValueError(
                    f"axes={axes!r}: there are {len(entries.get(point, ()))} rows of {point}, and "
                    f"{most} of others"
                )
        shape = [len(kinds) for kinds in values]
        return np.array([entries[point] for point in points]).reshape(*shape, -1)

    def __repr__(self):
        """Return the columns that vary, as text: the first thirty rows."""
        rows = self.rows()
        shown = [
            name
            for name, column in self.items()
            # Checksums are not meant for people. For a single row, show its numbers.
            if name != "checksum"
            and (len(set(column.tolist())) > 1 or (len(rows) == 1 and column.dtype.kind == "f"))
        ]
        lines = [shown]
        for row in rows[:30]:
            cells = (row[name] for name in shown)
            lines.append([f"{c:.4g}" if isinstance(c, float) else str(c) for c in cells])
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        more = [f"... and {len(rows) - 30} more rows"] if len(rows) > 30 else []
        return "\n".join(lines + more)


def written(value):
    """Return a value as written to a file, floats with all digits."""
    return repr(value) if isinstance(value, float) else str(value)


def checked_path(file):
    """Return the absolute path of a file of rows, which need not exist yet.

    Raises
    ------
    TypeError
        If ``file`` is not a path.
    OSError
        If its folder doesn't exist, or the path is that of something other than a file.
    """
    if not isinstance(file, (str, os.PathLike)) or file == "":
        raise TypeError(f"file={file!r} must be a path")
    path = Path(file).expanduser().resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"file={str(file)!r}: there is no folder {path.parent}; make it")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"file={str(file)!r}: that is no file; name another")
    return path


def read_rows(path, columns):
    """Return the rows of a file as a list of dicts; ``columns`` is a dict of name to type.

    Raises
    ------
    ValueError
        If it is not a file with these columns, or a line is damaged.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Excel adds a byte order mark
    except UnicodeDecodeError:
        text = ""
    reader = csv.reader(io.StringIO(text, newline=""))
    if next(reader, None) != list(columns):
        raise ValueError(f"file={str(path)!r}: not a file of such rows; name another")
    rows, lines = [], [(cells, reader.line_num) for cells in reader if cells]
    for cells, number in lines:
        cut = (cells, number) == lines[-1] and not text.endswith("\n")
        try:
            if cut or len(cells) != len(columns):
                raise ValueError("it is not whole")
            named = zip(columns.items(), cells, strict=True)
            rows.append({name: kind(cell) for (name, kind), cell in named})
        except ValueError as error:
            raise ValueError(
                f"file={str(path)!r}: line {number} is damaged ({error}); remove it"
            ) from error
    return rows


def write_rows(path, rows, columns):
    """Write a file of rows, completely or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([written(row[name]) for name in columns] for row in rows)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        for attempt in range(5):
            try:
                part.replace(path)
            except PermissionError:  # on Windows, while the old file is open elsewhere
                if attempt == 4:
                    raise
                time.sleep(0.2)
            else:
                break
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def only_writer(path):
    """Lock the file against other writers. The lock is released even if this process is killed.

    Raises
    ------
    BlockingIOError
        If another writer holds the lock.
    """
    lock = path.with_name(path.name + ".lock")
    with lock.open("w") as held:
        try:
            _lock(held)
        except OSError:
            raise BlockingIOError(
                f"file={str(path)!r}: another sweep is writing it; wait for it, or name another"
            ) from None
        try:
            yield
        finally:
            if os.name != "nt":  # on Windows, an open file can't be removed
                lock.unlink(missing_ok=True)
    lock.unlink(missing_ok=True)


if os.name == "nt":
    import msvcrt

    def _lock(file):
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
