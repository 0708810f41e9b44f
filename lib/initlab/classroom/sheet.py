"""A vote on all claims of the article at once, before the board answers."""

import html

from initlab.classroom.ledger import CLAIMS, OURS

STYLE = """<style>
.initlab-sheet .widget-html-content { font-size: 16px; line-height: 1.25; }
.initlab-sheet .widget-toggle-button { font-size: 15px; }
.initlab-sheet .widget-toggle-button.mod-active { background: #0072b2; color: white; }
</style>"""
ANSWERS = ("holds", "half true", "false")
# By number. It lives as long as the notebook's kernel: to run a cell again doesn't lose a vote.
_VOTES = {}


def parts_of(number):
    """Return the parts of a claim in words, with a letter each if there are several."""
    parts = CLAIMS[number].parts_in_words()
    letters = "abcd" if len(parts) > 1 else " "
    return [f"{letter} {part}".strip() for letter, part in zip(letters, parts, strict=False)]


class Sheet:
    """The article's claims, with three buttons for each: holds, half true, false.

    In a notebook, a cell that ends with it shows the claims. What was marked is kept as long as the
    notebook's kernel runs.

    Examples
    --------
    >>> sheet = Sheet()
    >>> sheet.mark({2: "holds", 5: "false"})
    >>> sheet.votes[2], sheet.votes[5], sheet.votes[1]
    ('holds', 'false', None)
    """

    def __init__(self):
        self._buttons = {}

    @property
    def votes(self):
        """The vote on each claim by number, or None."""
        return {number: _VOTES.get(number) for number in CLAIMS if number not in OURS}

    def mark(self, votes):
        """Mark claims: a dict of number to "holds", "half true" or "false"."""
        for number, vote in votes.items():
            if number not in self.votes:
                raise ValueError(
                    f"{number!r} must be the number of a claim: 1 to {max(self.votes)}"
                )
            if vote not in ANSWERS:
                raise ValueError(f"claim {number}: {vote!r} must be one of {', '.join(ANSWERS)}")
        _VOTES.update(votes)
        for number in votes.keys() & self._buttons.keys():
            self._buttons[number].value = votes[number]

    def lines(self, rows):
        """Return what ``plotting.board`` shows of each claim.

        That is its number, text and vote, its verdict, and the margins of its parts.

        Parameters
        ----------
        rows : iterable of ledger.Row
            Of the claims judged so far; the verdict and the margins of the others are None.
        """
        judged = {row.number: (row.verdict, row.margins) for row in rows}
        return [
            (number, CLAIMS[number].text, vote, *judged.get(number, (None, None)))
            for number, vote in self.votes.items()
        ]

    def right(self, rows):
        """Return how many votes were right, and how many claims were voted on."""
        cast = [line for line in self.lines(rows) if line[2] is not None]
        return sum(vote == verdict for _, _, vote, verdict, _ in cast), len(cast)

    def __repr__(self):
        """Return the claims with what was marked, and their parts, a line each."""
        lines = []
        for number, vote in self.votes.items():
            lines.append(f"{number:2} {vote or '?':9} {CLAIMS[number].text}")
            lines += [f"{'':14}{part}" for part in parts_of(number)]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_):
        return self._form()._repr_mimebundle_() | {"text/plain": repr(self)}

    def _form(self):
        import ipywidgets as widgets

        rows = [widgets.HTML(STYLE)]
        for number, vote in self.votes.items():
            style = {"button_width": "7em"}
            buttons = widgets.ToggleButtons(options=ANSWERS, value=vote, style=style)
            buttons.observe(self._marked(number), "value")
            self._buttons[number] = buttons
            text = f"<b>{number}</b> {html.escape(CLAIMS[number].text)}"
            for part in parts_of(number):
                text += f"<br><small>{html.escape(part)}</small>"
            sentence = widgets.HTML(text, layout={"width": "38em"})
            rows.append(widgets.HBox([sentence, buttons]))
        box = widgets.VBox(rows)
        box.add_class("initlab-sheet")
        return box

    def _marked(self, number):
        def note(change):
            _VOTES[number] = change["new"]

        return note
