"""What a picture can show along its slider, computed once and packed into one piece of bytes."""

import json
import threading
import time
from collections import OrderedDict
from operator import getitem

import numpy as np

from initlab._engine.parallel import one_blas_thread
from initlab.explorers.positions import std_positions


class Table:
    """Everything that a picture shows, for every position of the std slider.

    It is filled position by position, by whichever thread comes first.

    Parameters
    ----------
    settings : settings object
        Frozen; it has a ``width`` and a method ``open()``, which returns a function: called with a
        std it measures, and returns a dict of arrays.
    describe : callable
        Called with settings, the slider's words for a std and what was measured there; returns the
        caption.
    """

    def __init__(self, settings, describe):
        self.settings = settings
        positions = std_positions(settings.width)
        self.labels, self.stds = list(positions), list(positions.values())
        self._begin(len(self.stds), describe)

    def _begin(self, positions, describe):
        self.ready = np.zeros(positions, dtype=np.uint8)
        self.captions = [""] * positions
        self.arrays = {}
        self._describe, self._measure = describe, None
        self._lock = threading.Lock()

    @property
    def complete(self):
        """Whether every position is there."""
        return bool(self.ready.all())

    @property
    def size(self):
        """How many bytes the arrays take."""
        return sum(array.nbytes for array in self.arrays.values())

    def fill(self, position):
        """Compute one position, unless it is there already."""
        with self._lock:
            if self.ready[position]:
                return
            measure = self._open()
            with one_blas_thread():
                row = measure(self.stds[position])
            self._keep(position, row, self.labels[position])

    def _open(self):
        self._measure = self._measure or self.settings.open()
        return self._measure

    def _keep(self, position, row, label):
        for name, values in row.items():
            if name not in self.arrays:
                self.arrays[name] = np.zeros((len(self.ready), *values.shape), values.dtype)
            self.arrays[name][position] = values
        self.captions[position] = self._describe(self.settings, label, row)
        self.ready[position] = 1
        if self.complete:
            self.rest()

    def rest(self):
        """Drop the draw, which may be large; to go on, it is made anew."""
        self._measure = None

    def fill_nearest(self, position):
        """Compute the position nearest to this one that is not there yet."""
        missing = np.flatnonzero(self.ready == 0)
        if len(missing):
            self.fill(int(missing[np.abs(missing - position).argmin()]))

    def row(self, position):
        """Return what is seen at one position: a dict of arrays, an entry or row a layer."""
        self.fill(position)
        return {name: array[position].copy() for name, array in self.arrays.items()}

    def for_page(self):
        """Return what the page is told of it: words (for JSON) and arrays, two dicts."""
        words = {"labels": self.labels, "stds": self.stds, "captions": self.captions}
        return words | self.settings.words(), {"ready": self.ready, **self.arrays}


def complete(table):
    """Fill a table to its end, and return it."""
    while not table.complete:
        table.fill_nearest(0)
    return table


def pack(kind, tables, **head):
    """Return tables as bytes for the page: length of the head (uint32), head (JSON), arrays.

    Parameters
    ----------
    kind : str
        Which picture they are for.
    tables : list of Table
    **head
        More for the head.

    Returns
    -------
    bytes
        Little-endian. The head says of each array its type, its shape and where it begins, counted
        from the first multiple of 8 behind the head.
    """
    parts, pieces, offset = [], [], 0
    for table in tables:
        places = {}
        words, arrays = table.for_page()
        for name, array in arrays.items():
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            places[name] = [array.dtype.name, list(array.shape), offset]
            pieces.append(data.ljust(-(-len(data) // 8) * 8, b"\0"))
            offset += len(pieces[-1])
        parts.append({**words, "arrays": places})
    text = json.dumps({"kind": kind, "parts": parts, **head}, separators=(",", ":")).encode()
    text = text.ljust(-(-(len(text) + 4) // 8) * 8 - 4)
    return len(text).to_bytes(4, "little") + text + b"".join(pieces)


class _Memory:
    """Remembers tables by setting, the latest ones, as far as there is room."""

    def __init__(self, room):
        self._room, self._tables, self._lock = room, OrderedDict(), threading.Lock()

    def table(self, settings, describe, kind=Table):
        with self._lock:
            table = self._tables.pop(settings, None) or kind(settings, describe)
            self._tables[settings] = table
            while len(self._tables) > 1 and (
                len(self._tables) > 8
                or sum(kept.size for kept in self._tables.values()) > self._room
            ):
                self._tables.popitem(last=False)
            return table


_MEMORY = _Memory(room=6_000_000)
remembered = _MEMORY.table


class Filler:
    """Fills tables in a thread of its own, the positions nearest to the hand first.

    Parameters
    ----------
    hand : callable
        Returns the positions of the sliders, one for each table.
    publish : callable
        Called with the tables every now and then, and when they are complete.
    """

    def __init__(self, hand, publish):
        self._hand, self._publish = hand, publish
        self._lock, self._tables, self._thread = threading.Lock(), [], None

    def fill(self, tables):
        """Fill these tables from now on, and none that were asked for before."""
        with self._lock:
            for table in self._tables:
                if table not in tables:
                    table.rest()
            self._tables = tables
            if self._thread is None and not all(table.complete for table in tables):
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def wait(self):
        """Return when there is nothing left to fill."""
        while (thread := self._thread) is not None:
            thread.join()

    def _run(self):
        try:
            self._fill_all()
        finally:  # after an error, too: wait() must not wait for a thread that is gone
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _fill_all(self):
        published, interval, seen, last = time.monotonic(), 0.25, None, None
        while True:
            with self._lock:
                tables = self._tables
                if all(table.complete for table in tables):
                    self._thread = None
                    return
                if tables is not last:  # what was published of others says nothing of these
                    seen, last, interval = [table.ready.copy() for table in tables], tables, 0.25
            hand = self._hand()
            for table, position in zip(tables, hand, strict=True):
                table.fill_nearest(position)
            now = time.monotonic()
            # Every so often, and at once when what the hand waits for is there.
            waiting = seen is not None and not all(map(getitem, seen, hand))
            if now - published > interval or waiting or all(table.complete for table in tables):
                seen = [table.ready.copy() for table in tables]
                self._publish(tables)
                published, interval = now, min(2 * interval, 2.0)
