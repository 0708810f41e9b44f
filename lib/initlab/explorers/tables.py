"""What a picture can show along its slider, computed once and packed into one bytes object."""

import functools
import json
import threading
import time

import numpy as np

from initlab._engine.parallel import one_blas_thread


class Reading:
    """What a picture shows: its numbers and its ``caption`` as attributes; prints all layers."""

    def __init__(self, text, **numbers):
        self._text = text
        vars(self).update(numbers)

    def __str__(self):
        """Return the text, usually one line of numbers per layer."""
        return self._text

    __repr__ = __str__


class ScrubTable:
    """Everything that a picture shows, for every position of its sliders.

    It is filled gradually, from any thread.

    Parameters
    ----------
    settings : settings.Settings
        Defines everything specific to the picture:

        ``picture``, the name of the drawing script; ``together``, the number of positions to
        measure at a time; ``places()``, a list with one dict per position of what is known before
        measuring; ``distances(positions, position)``, the distances of positions from one of them;
        ``open()``, which draws the network and returns a function that takes some of the places and
        returns a dict of arrays, of shape (places, layers, ...); ``caption(place, row)`` and
        ``line(layer)``, the text for a position and for one layer there; ``words(places)`` and
        ``shown(arrays)``, dicts of the texts and of the arrays passed to the script.

    Attributes
    ----------
    places : list of dict
    ready : array of uint8, shape (positions,)
    captions : list of str
    arrays : dict of str to array, shape (positions, layers, ...)
    """

    def __init__(self, settings):
        self.settings, self.places = settings, settings.places()
        self.ready = np.zeros(len(self.places), dtype=np.uint8)
        self.captions, self.arrays = [""] * len(self.places), {}
        self._measure, self._lock = None, threading.Lock()

    @property
    def complete(self):
        """Whether every position has been computed."""
        return bool(self.ready.all())

    def fill(self, *positions):
        """Compute these positions unless they have been computed already."""
        with self._lock:
            positions = [position for position in positions if not self.ready[position]]
            if not positions:
                return
            # Another thread may call ``rest`` meanwhile, so keep a reference.
            measure = self._measure = self._measure or self.settings.open()
            with one_blas_thread():
                found = measure([self.places[position] for position in positions])
            for name, values in found.items():
                if name not in self.arrays:
                    self.arrays[name] = np.zeros((len(self.ready), *values.shape[1:]), values.dtype)
                self.arrays[name][positions] = values
            for position in positions:
                place, row = self.places[position], self._row(position)
                self.captions[position] = self.settings.caption(place, row)
                self.ready[position] = 1
            if self.complete:
                self.rest()

    def rest(self):
        """Free the network, which may be large; it is drawn again if needed."""
        self._measure = None

    def fill_nearest(self, position):
        """Compute the next few missing positions, those nearest to this one first."""
        missing = np.flatnonzero(self.ready == 0)
        nearest = np.argsort(self.settings.distances(missing, position), kind="stable")
        self.fill(*missing[nearest[: self.settings.together]].tolist())

    def _row(self, position):
        return {name: array[position] for name, array in self.arrays.items()}

    def row(self, position):
        """Return the measurements at one position: a dict of arrays, one entry or row per layer."""
        self.fill(position)
        return self._row(position)

    def reading(self, position):
        """Return the Reading at one position."""
        row = self.row(position)
        lines = [
            f"layer {number}   {self.settings.line(dict(zip(row, layer, strict=True)))}"
            for number, layer in enumerate(zip(*row.values(), strict=True), start=1)
        ]
        numbers = self.places[position] | row | {"caption": self.captions[position]}
        return Reading("\n".join(lines), **numbers)

    def for_page(self):
        """Return what is sent to the page: two dicts, of texts (for JSON) and of arrays."""
        # Taken first: what another thread fills from here on is not called ready yet.
        ready = self.ready.copy()
        words = {"captions": self.captions, **self.settings.words(self.places)}
        return words, {"ready": ready, **self.settings.shown(self.arrays)}


def scrub_table(settings):
    """Compute the whole table for some settings; equal settings give equal bytes."""
    table = ScrubTable(settings)
    with one_blas_thread():
        while not table.complete:
            table.fill_nearest(0)
    return table


def logs(arrays):
    """Return sizes as drawn: their base-10 logarithms in float32, named "log_..."."""
    with np.errstate(divide="ignore"):
        return {f"log_{name}": np.log10(array).astype(np.float32) for name, array in arrays.items()}


def pack(picture, parts, **head):
    """Pack what a picture shows into bytes: length of the head (uint32), head (JSON), arrays.

    Parameters
    ----------
    picture : str
        The name of the drawing script.
    parts : list of (dict, dict)
        The texts and arrays of each part; see ``ScrubTable.for_page``.
    **head
        Further entries of the head.

    Returns
    -------
    bytes
        Little-endian. The head gives the type, shape and offset of each array, counted from the
        first multiple of 8 after the head.
    """
    told, pieces, offset = [], [], 0
    for words, arrays in parts:
        places = {}
        for name, array in arrays.items():
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            places[name] = [array.dtype.name, list(array.shape), offset]
            pieces.append(data.ljust(-(-len(data) // 8) * 8, b"\0"))
            offset += len(pieces[-1])
        told.append({**words, "arrays": places})
    text = json.dumps({"kind": picture, "parts": told, **head}, separators=(",", ":")).encode()
    text = text.ljust(-(-(len(text) + 4) // 8) * 8 - 4)
    return len(text).to_bytes(4, "little") + text + b"".join(pieces)


# The latest tables are kept, so that returning to a setting finds its table filled. The largest
# take three megabytes each.
remembered = functools.lru_cache(maxsize=8)(ScrubTable)


class Filler:
    """Fills tables in a separate thread, starting with the positions nearest to the sliders.

    Parameters
    ----------
    positions : callable
        Returns the current positions of the sliders, one per table.
    publish : callable
        Called with the tables from time to time, and when they are complete.
    """

    def __init__(self, positions, publish):
        self._positions, self._publish = positions, publish
        self._lock, self._thread, self._tables = threading.Lock(), None, []

    def fill(self, tables):
        """Fill these tables from now on, instead of any previous ones."""
        with self._lock:
            for table in self._tables:
                if table not in tables:
                    table.rest()
            self._tables = tables
            if self._thread is None and not all(table.complete for table in tables):
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def wait(self):
        """Wait until there is nothing left to fill."""
        while (thread := self._thread) is not None:
            thread.join()

    def _run(self):
        try:
            with one_blas_thread():
                self._fill_all()
        finally:  # even after an error, so that wait() doesn't wait for a dead thread
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _fill_all(self):
        tables, seen, published, interval = [], [], time.monotonic(), 0.25
        while True:
            with self._lock:
                before, tables = tables, self._tables
                # Another explorer may have completed a table: then it is still to be published.
                told = tables is not before or all(ready.all() for ready in seen)
                if told and all(table.complete for table in tables):
                    self._thread = None
                    return
            if tables is not before:
                seen, interval = [table.ready.copy() for table in tables], 0.25
            positions = self._positions()
            for table, position in zip(tables, positions, strict=True):
                table.fill_nearest(position)
            # From time to time, and as soon as the current position is ready.
            now = time.monotonic()
            waiting = not all(ready[at] for ready, at in zip(seen, positions, strict=True))
            if now - published > interval or waiting or all(table.complete for table in tables):
                seen = [table.ready.copy() for table in tables]
                self._publish(tables)
                published, interval = now, min(2 * interval, 2.0)
