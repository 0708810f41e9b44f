"""The canvas in the page, which draws the contents of a table and knows nothing about networks."""

from pathlib import Path

import anywidget
from traitlets import Bool, Bytes, Int, Unicode

_HERE = Path(__file__).parent


def _text(pattern):
    # In one piece, since the page loads only a single file; canvas.js comes first.
    paths = sorted(_HERE.glob(pattern), key=lambda path: (path.name != "canvas.js", path.name))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


class Picture(anywidget.AnyWidget):
    """A canvas with a caption, fed by a single bytes object.

    Attributes
    ----------
    table : bytes
        Everything shown along the slider; see ``tables.pack``. It is a single object, so that new
        numbers are never drawn on old axes.
    position, position_b : int
        The position of the slider, and of the second one if there are two. Linked in the page; set
        them only through the sliders.
    positions : int
        The number of positions.
    locked, difference : bool
        For two configurations: whether their sliders move together, and whether the difference is
        drawn.
    simple : bool
        For a first look: only what needs no explanation is drawn.
    message : str
        A text shown in place of the caption; "" for none.
    """

    _esm = _text("*.js")
    _css = _text("*.css")
    table = Bytes(b"").tag(sync=True)
    position = Int(0).tag(sync=True)
    position_b = Int(0).tag(sync=True)
    positions = Int(0).tag(sync=True)
    locked = Bool(False).tag(sync=True)
    difference = Bool(False).tag(sync=True)
    simple = Bool(False).tag(sync=True)
    message = Unicode("").tag(sync=True)
