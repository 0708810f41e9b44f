"""The score of the course: how many bets were won. A dot file beside the notebooks keeps it."""

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

# In the kernel's working directory. By question: the first bet that was revealed, and if it won.
FILE = Path(".initlab_score.json")
OLD = Path(".initlab_score.old.json")
# Seconds. Another kernel holds the lock for a few milliseconds.
PATIENCE = 5
# A folder or a lock that can't be had (old filelocks raise NotImplementedError), a damaged file.
_TROUBLE = (OSError, NotImplementedError, ValueError)


@dataclass
class _Memory:
    """What a kernel knows of the score even if the file can't be had."""

    seen: dict = field(default_factory=dict)
    unsaved: dict = field(default_factory=dict)
    warned: bool = False


_MEMORY = _Memory()


def enter(question, bet, won):
    """Enter a bet that was revealed, unless the file has an earlier one on the same question.

    Parameters
    ----------
    question : str
    bet : str or float
    won : bool

    Returns
    -------
    counts : bool
        Whether it was entered.
    score : str
        In words; once in a kernel's life with the reason why it can't be saved.
    """
    memory, entry, trouble = _MEMORY, {"bet": bet, "won": won}, []
    try:
        with _locked():
            memory.seen = _read()
            known = memory.unsaved | memory.seen
            entries = {question: entry} | known
            if entries != memory.seen:
                _write(entries)
        memory.seen, memory.unsaved = entries, {}
    except _TROUBLE as error:
        known = memory.unsaved | memory.seen
        entries = {question: entry} | known
        memory.unsaved = {question: entry} | memory.unsaved
        if not memory.warned:
            trouble = [f"The score can't be saved, and lasts as long as this kernel: {error}."]
            memory.warned = True
    wins = sum(one["won"] for one in entries.values())
    said = [*trouble, f"Bets won so far: {wins} of {len(entries)}."]
    return question not in known, "\n".join(said)


def reset_score():
    """Set the score of the course back to 0 of 0, and say so. The old file is kept beside it."""
    kept = ""
    if FILE.exists():
        try:
            with _locked():
                os.replace(FILE, OLD)
        except _TROUBLE as error:
            print(f"The score can't be reset: {error}.")
            return
        kept = f" The old one is kept in {OLD}."
    _MEMORY.seen, _MEMORY.unsaved = {}, {}
    print(f"The score is 0 of 0.{kept} To bet anew, restart the kernels.")


@contextlib.contextmanager
def _locked():
    from filelock import FileLock

    with FileLock(f"{FILE}.lock", timeout=PATIENCE):
        yield


def _read():
    try:
        entries = json.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        entries = None
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        # It may hold much that can be saved by hand.
        raise ValueError(f"{FILE} is damaged, and was left alone; reset_score() puts it aside")
    return entries


def _is_entry(one):
    return isinstance(one, dict) and isinstance(one.get("won"), bool)


def _write(entries):
    # In another file first: a full disk must not leave half of this one.
    part = Path(f"{FILE}.part")
    try:
        part.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, FILE)
    finally:
        part.unlink(missing_ok=True)
