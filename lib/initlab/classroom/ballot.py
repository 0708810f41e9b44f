"""A bet in a notebook: the answers to click on, and the text that takes their place."""

from pathlib import Path

import anywidget
from IPython.display import DisplayHandle
from traitlets import Int, List, Unicode

_HERE = Path(__file__)


class Ballot(anywidget.AnyWidget):
    """The form of one question, in all cells that show it: they change together.

    Parameters
    ----------
    bet : Prediction
    place : callable
        Takes the answer, and settles the ballot; raises a TypeError or ValueError if it is none.

    Attributes
    ----------
    answer : str
        The letter that is chosen, or what was typed; "" for none.
    commits : int
        How many times the page has committed it.
    message : str
        A line beside the button.
    settled : str
        What is shown in place of the form; "" for the form.
    """

    _esm = _HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = _HERE.with_suffix(".css").read_text(encoding="utf-8")
    question = Unicode().tag(sync=True)
    choices = List().tag(sync=True)
    unit = Unicode().tag(sync=True)
    answer = Unicode().tag(sync=True)
    commits = Int().tag(sync=True)
    message = Unicode().tag(sync=True)
    settled = Unicode().tag(sync=True)

    def __init__(self, bet, place):
        choices = list((bet.choices or {}).items())
        super().__init__(question=bet.question, choices=choices, unit=bet.unit)
        self._place, self._handle = place, DisplayHandle()
        self.observe(self._commit, "commits")

    def ask(self, text, answer, message):
        """Show the form, with an earlier answer and a message; ``text`` is what a file keeps."""
        self.answer = self._typed(answer)
        self.message, self.settled = message, ""
        data, _ = self._repr_mimebundle_()
        self._handle.display(data | {"text/plain": text}, raw=True)

    def settle(self, text, *, here=False):
        """Put a text in place of the form; with ``here`` show it in the cell that runs, too."""
        # A page that was loaded anew no longer follows the handle, but still the widget.
        self.settled = text
        show = self._handle.display if here else self._handle.update
        show({"text/plain": text}, raw=True)

    def _typed(self, answer):
        if answer is None:
            return ""
        return answer if self.choices else f"{answer:.10g}"

    def _commit(self, _):
        try:
            self._place(self.answer if self.choices else float(self.answer))
        except (TypeError, ValueError):
            if self.choices:
                self.message = "Choose an answer first, with the mouse or with the arrows."
            else:
                self.message = "Type a number, such as 1500 or 0.25."
