"""The bet: what do you expect? Say so before you measure."""

import math
from dataclasses import dataclass

from initlab._engine.checks import finite_number, known_name


@dataclass
class _Slip:
    """What was written down for one question."""

    committed: str | float | None = None
    by_default: bool = False
    late: bool = False
    revealed: bool = False


# By question. It lives as long as the notebook's kernel: to run a cell again doesn't lose a bet.
_SLIPS = {}


class Prediction:
    """A bet: a question with some answers to choose from, or one whose answer is a number.

    What was committed is kept as long as the notebook's kernel runs, even if the cells of the bet
    are run again. After ``reveal`` a bet stands.

    Parameters
    ----------
    question : str
    choices : dict of str to str, optional
        A letter for each answer. Without choices, a number is asked for.
    guess : float, optional
        The number that is taken where nobody bets; needed where there are no choices.
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
    >>> bet = Prediction("How many of 100 tosses are heads?", guess=50)
    >>> bet.commit(60)
    You bet: 60
    >>> bet.reveal(47, spread=(38, 61))
    You bet: 60
    Measured: 47 (38 to 61)
    You knew it: your bet lies within the spread. Can you say why?
    """

    def __init__(self, question, choices=None, *, guess=None, unit=""):
        if not isinstance(question, str) or not question:
            raise TypeError(f"question={question!r} must be a sentence")
        if (choices is None) == (guess is None):
            raise ValueError("expected either choices, or a guess at a number")
        if choices is not None:
            if not isinstance(choices, dict) or len(choices) < 2:
                raise ValueError(f"choices={choices!r} must be a dict of at least two answers")
            if not all(isinstance(part, str) for pair in choices.items() for part in pair):
                raise TypeError(f"choices={choices!r} must be a dict of letters to texts")
        if not isinstance(unit, str):
            raise TypeError(f"unit={unit!r} must be a word or a sign")
        self.question = question
        self.choices = None if choices is None else dict(choices)
        # What is taken where nobody bets.
        self.guess = finite_number("guess", guess) if choices is None else next(iter(choices))
        self.unit = unit
        key = question, None if choices is None else tuple(choices.items())
        self._slip = _SLIPS.setdefault(key, _Slip())

    @property
    def committed(self):
        """The letter or the number that was bet on, or None."""
        return self._slip.committed

    @property
    def by_default(self):
        """Whether nobody bet, and the first choice or the guess was taken instead."""
        return self._slip.by_default

    def commit(self, answer=None):
        """Place the bet, and print it.

        Parameters
        ----------
        answer : str or float, optional
            A letter of the choices, or a number. Without one, an earlier bet stands; if there is
            none, the first choice or the guess is taken and marked as a default: so a notebook also
            runs when nobody is there to bet.
        """
        slip = self._slip
        if answer is not None:
            answer = self._checked("answer", answer)
            if slip.revealed and not slip.by_default and answer != slip.committed:
                print("The answer is known by now: your bet stands.")
            else:
                slip.late = slip.late or (slip.revealed and slip.by_default)
                slip.committed, slip.by_default = answer, False
        elif slip.committed is None:
            slip.committed, slip.by_default = self.guess, True
        print(self._bet())

    def reveal(self, measured, *, spread=None):
        """Print the bet beside what was measured.

        Parameters
        ----------
        measured : str or float
            The letter of the answer that the measurement gave, or the number.
        spread : (float, float), optional
            The least and the greatest of several measurements of a number. A bet between them is
            right; without a spread, one within 10 % of the number.

        Raises
        ------
        RuntimeError
            If no bet was placed: first bet, then look.
        """
        slip = self._slip
        if slip.committed is None:
            raise RuntimeError("no bet was placed: run the cell with .commit() first")
        measured = self._checked("measured", measured)
        if self.choices is None:
            low, high = self._checked_spread(measured, spread)
            seen = "" if spread is None else f" ({_shown(low)} to {_shown(high)})"
            shown = f"Measured: {_shown(measured)}{self._unit()}{seen}"
            right = low <= slip.committed <= high
        elif spread is not None:
            raise ValueError(f"spread={spread!r}: only numbers have one; leave it out")
        else:
            shown = f"Measured ({measured}): {self.choices[measured]}"
            right = slip.committed == measured
        print(self._bet())
        print(shown)
        slip.revealed = True
        print(self._comment(right, measured, within=spread is not None))

    def _comment(self, right, measured, *, within):
        slip = self._slip
        if slip.by_default:
            return "Nobody bet this time. Next time, bet before you measure."
        if slip.late:
            return "A bet after the fact: it doesn't count."
        if right:
            where = ": your bet lies within the spread" if within else ""
            return f"You knew it{where}. Can you say why?"
        off = ""
        if self.choices is None and slip.committed * measured > 0:
            small, large = sorted((abs(slip.committed), abs(measured)))
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
        who = "Default guess" if self.by_default else "You bet"
        if self.choices is None:
            return f"{who}: {self.committed:,.10g}{self._unit()}"
        return f"{who} ({self.committed}): {self.choices[self.committed]}"

    def __repr__(self):
        """Return the question and its answers, a line each."""
        if self.choices is None:
            return f"{self.question} (a number{', in ' + self.unit if self.unit else ''})"
        return "\n".join([self.question, *(f"  ({k}) {v}" for k, v in self.choices.items())])


def _shown(number):
    # Three digits, and 32,900 rather than 3.29e+04.
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e9 else f"{rounded:g}"
