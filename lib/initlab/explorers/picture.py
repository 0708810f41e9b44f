"""The canvas in the page: it draws what a table says, and knows nothing of networks."""

from pathlib import Path

import anywidget
from traitlets import Bool, Bytes, Int, Unicode

_HERE = Path(__file__).parent


def _text(pattern, first=""):
    # All in one piece: a page loads no second file.
    paths = sorted(_HERE.glob(pattern), key=lambda path: (path.name != first, path.name))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


class Picture(anywidget.AnyWidget):
    """A canvas with a caption, fed by one piece of bytes.

    Attributes
    ----------
    table : bytes
        All that is shown along the slider; see ``tables.pack``. In one piece, so that no picture
        can show new numbers on old axes.
    position, position_b : int
        The position of the slider, and of the second one where there are two. Linked in the page;
        set them through the slider only.
    positions : int
        How many there are.
    locked, difference : bool
        For two configurations: whether their sliders move together, and whether the difference is
        drawn.
    message : str
        What is said in place of the caption; "" for nothing.
    """

    _esm = _text("*.js", first="canvas.js")
    _css = _text("*.css")
    table = Bytes(b"").tag(sync=True)
    position = Int(0).tag(sync=True)
    position_b = Int(0).tag(sync=True)
    positions = Int(0).tag(sync=True)
    locked = Bool(False).tag(sync=True)
    difference = Bool(False).tag(sync=True)
    message = Unicode("").tag(sync=True)
