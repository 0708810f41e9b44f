"""The student's own copy of the notebooks: ``python -m initlab.workbook [DIR]``.

The folder is filled with the notebooks, without outputs and without the cells tagged "check".
Called again, after the originals have been updated, it brings the new versions and loses nothing:

- a copy whose sources were changed stays as it is, and the new version goes beside it;
- a copy that was only run is replaced, and the old one is kept in ``.kept``;
- a copy that was deleted comes back fresh.
"""

import argparse
import hashlib
import itertools
import json
import os
import shutil
import sys
from os import PathLike
from pathlib import Path
from typing import Any

ORIGINALS = Path(__file__).resolve().parents[2] / "notebooks"
# By the name of each notebook, digests: of what was handed out, and of what was put beside it.
_RECORD = ".handed_out.json"
_KEPT = ".kept"
_PAGE = "NEW VERSIONS.md"


def fill(
    folder: str | PathLike[str], originals: str | PathLike[str] | None = None
) -> dict[str, str]:
    """Bring a folder of copies up to date; return the names of new versions beside changed copies.

    Parameters
    ----------
    folder : path-like
        Made if it isn't there.
    originals : path-like, optional
        By default, the notebooks of this checkout.

    Returns
    -------
    dict of str to str
        By the name of each changed copy, that of its new version.

    Raises
    ------
    FileNotFoundError
        If there are no originals, as in an installation without the checkout.
    OSError
        If the folder can't be written, or is full. Each file is as it was, or complete.
    """
    folder, originals = Path(folder), Path(originals or ORIGINALS)
    paths = sorted(originals.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"there are no notebooks in {originals}; get the whole checkout")
    folder.mkdir(parents=True, exist_ok=True)
    handed, offered = _read_record(folder)
    beside: dict[str, str] = {}
    for path in paths:
        copy, fresh = folder / path.name, _handed_out(path)
        newest, own = _digest(fresh), _digest_of(copy)
        before = handed.get(path.name)
        if own is None or (own == before != newest):
            _keep(copy)
            _write(copy, fresh)
        elif own not in (before, newest):  # the student's own work
            last = offered.get(path.name)
            if newest not in (before, last):
                stale = _new_version(folder, path, last)
                _keep(stale)
                _write(stale or _free(folder, f"{path.stem} (new{{}}).ipynb"), fresh)
                offered[path.name] = newest
            if (new := _new_version(folder, path, newest)) is not None:
                beside[path.name] = new.name
            continue
        handed[path.name] = newest
    for name in handed.keys() - {path.name for path in paths}:  # no longer part of the series
        if _digest_of(folder / name) == handed.pop(name):
            _keep(folder / name)
            (folder / name).unlink()
    _write(folder / _RECORD, {"handed out": handed, "offered": offered})
    _write_page(folder / _PAGE, beside)
    return beside


def _handed_out(path: Path) -> Any:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if "check" not in cell["metadata"].get("tags", [])]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return notebook | {"cells": cells}


def _digest(notebook: Any) -> str:
    # Outputs, counts and metadata don't count, nor do empty cells, which JupyterLab adds.
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    sources = json.dumps([cell for cell in cells if cell[1].strip()])
    return hashlib.sha256(sources.encode()).hexdigest()


def _digest_of(copy: Path) -> str | None:
    """Return the digest of a copy, None if it isn't there, and "damaged" if it can't be read."""
    try:
        return _digest(json.loads(copy.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError):
        return "damaged"


def _new_version(folder: Path, path: Path, digest: str | None) -> Path | None:
    """Return the file beside a changed copy that holds a version of the original, or None."""
    found = sorted(folder.glob(f"{path.stem} (new*).ipynb"))
    return next((new for new in found if _digest_of(new) == digest), None)


def _free(folder: Path, pattern: str) -> Path:
    """Return the first path of a pattern that doesn't exist yet: "", " 2", " 3", ..."""
    numbers = itertools.chain([""], (f" {number}" for number in itertools.count(2)))
    paths = (folder / pattern.format(number) for number in numbers)
    return next(path for path in paths if not path.exists())


def _keep(copy: Path | None) -> None:
    """Keep what a copy holds, if it is there, before it is replaced."""
    if copy is not None and copy.exists():
        room = copy.parent / _KEPT
        room.mkdir(exist_ok=True)
        shutil.copy2(copy, _free(room, f"{copy.stem}{{}}.ipynb"))


def _read_record(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return dict(record["handed out"]), dict(record["offered"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return {}, {}  # then whatever differs from the newest counts as changed


def _write(path: Path, content: Any) -> None:
    # In another file first: a full disk must not leave half of this one.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write_page(page: Path, beside: dict[str, str]) -> None:
    if not beside:
        page.unlink(missing_ok=True)
        return
    lines = [
        f"- `{copy}` is yours, and was left alone; the new one is `{new}`."
        for copy, new in beside.items()
    ]
    text = "\n".join(["# New versions", "", *lines, "", "Delete the one that you don't want."])
    page.write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Fill a folder, and say what there is to say."""
    parser = argparse.ArgumentParser("initlab.workbook", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", default="workbook")
    folder = parser.parse_args(arguments).folder
    try:
        beside = fill(folder)
    except OSError as error:
        sys.exit(f"the workbook {folder} can't be filled: {error}. Nothing of yours was lost.")
    for copy, new in beside.items():
        print(f"{copy} is yours, and was left alone; the new version is beside it: {new}")
    print(f"Your notebooks are in {Path(folder).resolve()}")


if __name__ == "__main__":
    main()
