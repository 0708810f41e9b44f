"""The bet: what do you expect? Say so before you measure."""

import math
from dataclasses import dataclass

from initlab._engine.checks import finite_number, known_name
from initlab.classroom import score

KNOWN = "The answer is known by now:"


@dataclass
class _Slip:
    """What was written down for one question."""

    committed: str | float | None = None
    revealed: bool = False
    counts: bool = False
    ballot: object = None


# By question. It lives as long as the notebook's kernel: to run a cell again doesn't lose a bet.
_SLIPS = {}


class Prediction:
    """A bet: a question with some answers to choose from, or one whose answer is a number.

    In a notebook, a cell that ends with it shows the answers to click on. What was committed is
    kept as long as the notebook's kernel runs, even if the cells of the bet are run again. After
    ``reveal`` a bet stands, and it counts in the score of the course.

    Parameters
    ----------
    question : str
    choices : dict of str to str, optional
        A letter for each answer. Without choices, a number is asked for.
    unit : str
        Written behind a number: "%", "times".

    Examples
    --------
    >>> bet = Prediction("Heads or tails?", {"a": "heads", "b": "tails"})
    >>> bet.commit("b")
    You bet (b): tails
    >>> bet.reveal("a")
    You bet (b): tails
    Measured (a): heads
    Not what you expected: look closely at what comes next.
    Bets won so far: 0 of 1.
    >>> bet = Prediction("How many of 100 tosses are heads?")
    >>> bet.commit(60)
    You bet: 60
    >>> bet.reveal(47, spread=(38, 61))
    You bet: 60
    Measured: 47 (38 to 61)
    You knew it: your bet lies within the spread. Can you say why?
    Bets won so far: 1 of 2.
    """

    def __init__(self, question, choices=None, *, unit=""):
        if not isinstance(question, str) or not question:
            raise TypeError(f"question={question!r} must be a sentence")
        if choices is not None:
            if not isinstance(choices, dict) or len(choices) < 2:
                raise ValueError(f"choices={choices!r} must be a dict of at least two answers")
            if not all(isinstance(part, str) for pair in choices.items() for part in pair):
                raise TypeError(f"choices={choices!r} must be a dict of letters to texts")
        if not isinstance(unit, str):
            raise TypeError(f"unit={unit!r} must be a word or a sign")
        self.question = question
        self.choices = None if choices is None else dict(choices)
        self.unit = unit
        self._slip = _SLIPS.setdefault(repr(self), _Slip())

    @property
    def committed(self):
        """The letter or the number that was bet on, or None."""
        return self._slip.committed

    def commit(self, answer):
        """Place the bet, and print it. Until ``reveal`` another one may take its place.

        Parameters
        ----------
        answer : str or float
            A letter of the choices, or a number.
        """
        print("\n".join(self._place(answer)))

    def _place(self, answer):
        """Place a bet, and return what there is to say, line by line."""
        answer = self._checked("answer", answer)
        slip, said = self._slip, []
        if not slip.revealed:
            slip.committed = answer
        elif slip.committed is None:
            said = [f"{KNOWN} a bet after the fact doesn't count."]
        elif answer != slip.committed:
            said = [f"{KNOWN} your bet stands."]
        said += self._bet()
        self._settle(*said)
        return said

    def reveal(self, measured, *, spread=None):
        """Print the bet beside what was measured, and the score; without a bet only the latter.

        Parameters
        ----------
        measured : str or float
            The letter of the answer that the measurement gave, or the number.
        spread : (float, float), optional
            The least and the greatest of several measurements of a number. A bet between them is
            right; without a spread, one within 10 % of the number.
        """
        slip = self._slip
        measured = self._checked("measured", measured)
        if self.choices is None:
            low, high = self._checked_spread(measured, spread)
            seen = "" if spread is None else f" ({_shown(low)} to {_shown(high)})"
            shown = f"Measured: {_shown(measured)}{self._unit()}{seen}"
        elif spread is not None:
            raise ValueError(f"spread={spread!r}: only numbers have one; leave it out")
        else:
            low = high = measured
            shown = f"Measured ({measured}): {self.choices[measured]}"
        slip.revealed = True
        self._settle(*self._bet())
        print("\n".join([*self._bet(), shown]))
        if slip.committed is None:
            return
        right = low <= slip.committed <= high
        print(self._comment(right, measured, within=spread is not None))
        new, standing = score.enter(repr(self), slip.committed, right)
        slip.counts = slip.counts or new
        print(standing + ("" if slip.counts else " On this question your first bet counts."))

    def _comment(self, right, measured, *, within):
        if right:
            where = ": your bet lies within the spread" if within else ""
            return f"You knew it{where}. Can you say why?"
        off = ""
        if self.choices is None and self.committed * measured > 0:
            small, large = sorted((abs(self.committed), abs(measured)))
            factor = large / small
            if 1.5 <= factor < math.inf:
                off = f" You were off by a factor of {_shown(float(f'{factor:.2g}'))}."
        return f"Not what you expected: look closely at what comes next.{off}"

    def _checked(self, name, value):
        if self.choices is None:
            return finite_number(name, value)
        return known_name(name, value, self.choices)

    def _checked_spread(self, measured, spread):
        if spread is None:
            return sorted((0.9 * measured, 1.1 * measured))
        try:
            low, high = spread
        except (TypeError, ValueError):
            raise TypeError(f"spread={spread!r} must be a pair (least, greatest)") from None
        low, high = finite_number("spread", low), finite_number("spread", high)
        if not low <= measured <= high:
            raise ValueError(f"spread={spread!r} must be (least, greatest) around {measured!r}")
        return low, high

    def _unit(self):
        return f" {self.unit}" if self.unit else ""

    def _bet(self):
        """Return the line that tells the bet, in a list; an empty one if there is none."""
        if self.committed is None:
            return []
        if self.choices is None:
            return [f"You bet: {self.committed:,.10g}{self._unit()}"]
        return [f"You bet ({self.committed}): {self.choices[self.committed]}"]

    def _ipython_display_(self):
        from IPython import get_ipython

        slip = self._slip
        if not hasattr(get_ipython(), "kernel"):  # a terminal
            print(self)
            return
        if slip.ballot is None:
            from initlab.classroom.ballot import Ballot

            slip.ballot = Ballot(self, self._place)
        if slip.revealed:
            self._settle(*self._bet(), here=True)
        else:
            slip.ballot.ask(repr(self), slip.committed, "".join(self._bet()))

    def _settle(self, *said, here=False):
        """Let a text take the place of the ballot, wherever it is shown."""
        slip = self._slip
        if slip.ballot is not None:
            hint = [] if slip.revealed else ["To change your mind, run this cell again."]
            slip.ballot.settle("\n".join([repr(self), *said, *hint]), here=here)

    def __repr__(self):
        """Return the question and its answers, a line each."""
        if self.choices is None:
            return f"{self.question} (a number{', in ' + self.unit if self.unit else ''})"
        return "\n".join([self.question, *(f"  ({k}) {v}" for k, v in self.choices.items())])


def _shown(number):
    # Three digits, and 32,900 rather than 3.29e+04.
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e9 else f"{rounded:g}"
