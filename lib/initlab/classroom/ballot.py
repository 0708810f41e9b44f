"""A bet in a notebook: the answers to click on, and the text that takes their place."""

import html
from pathlib import Path

import ipywidgets as widgets
from IPython.display import DisplayHandle

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class Ballot:
    """The form of one question, in all cells that show it: they change together.

    Parameters
    ----------
    bet : Prediction
    place : callable
        Takes the answer, and settles the ballot; raises a TypeError or ValueError if it is none.
    """

    def __init__(self, bet, place):
        self._place, self._handle = place, DisplayHandle()
        self._is_number = bet.choices is None
        self._message, self._text = widgets.HTML(), widgets.HTML()
        question = widgets.HTML(f"<style>{STYLE}</style><b>{html.escape(bet.question)}</b>")
        self.button = widgets.Button(description="commit", tooltip="place your bet")
        self.button.on_click(self._clicked)
        if self._is_number:
            self._hint = "Type a number, such as 1500 or 0.25."
            self.answer = widgets.Text(placeholder="a number")
            self.answer.on_msg(self._entered)
            row = widgets.HBox([self.answer, widgets.Label(bet.unit)])
        else:
            self._hint = "Choose an answer first: with the mouse, or with Tab and Space."
            options = [(f"({letter}) {text}", letter) for letter, text in bet.choices.items()]
            row = self.answer = widgets.RadioButtons(options=options, value=None)
        # While one answer is on its way, a page holds back the next, but not a click. So a click is
        # first sent back and forth: the last answer arrives before its echo.
        self._call, self._echo = widgets.IntText(), widgets.IntText()
        self._link = widgets.jslink((self._call, "value"), (self._echo, "value"))
        self._echo.observe(self._commit, "value")
        self._form = [question, row, widgets.HBox([self.button, self._message])]
        self._box = widgets.VBox()
        self._box.add_class("initlab-bet")

    def ask(self, text, answer, message):
        """Show the form, with an earlier answer and a message; ``text`` is what a file keeps."""
        self.answer.value = _typed(answer) if self._is_number else answer
        self._say(message)
        self._box.children = self._form
        self._handle.display(self._box._repr_mimebundle_() | {"text/plain": text}, raw=True)

    def settle(self, text, *, here=False):
        """Put a text in place of the form; with ``here`` show it in the cell that runs, too."""
        # A page that was loaded anew no longer follows the handle, but still the widget.
        self._text.value = f"<pre>{html.escape(text)}</pre>"
        self._box.children = [self._text]
        show = self._handle.display if here else self._handle.update
        show({"text/plain": text}, raw=True)

    def _say(self, message):
        self._message.value = html.escape(message)

    def _entered(self, _, content, buffers):
        if content.get("event") == "submit":
            self._clicked()

    def _clicked(self, _=None):
        self._call.value += 1

    def _commit(self, _):
        try:
            value = self.answer.value
            self._place(float(value) if self._is_number else value)
        except (TypeError, ValueError):
            self._say(self._hint)


def _typed(number):
    return "" if number is None else f"{number:.10g}"
