"""What makes a notebook a lesson: a bet before the measurement, and patience during it."""

import contextlib
import sys

from initlab._checks import known_name


class Prediction:
    """A bet: a question and its possible answers, to be settled by a measurement.

    Parameters
    ----------
    question : str
    choices : dict of str to str
        A letter for each answer.

    Examples
    --------
    >>> bet = Prediction("Heads or tails?", {"a": "heads", "b": "tails"})
    >>> bet.commit("b")
    You bet (b): tails
    >>> bet.reveal("a")
    You bet (b): tails
    Measured (a): heads
    Not what you expected: look closely at what comes next.
    """

    def __init__(self, question, choices):
        if not isinstance(choices, dict) or len(choices) < 2:
            raise ValueError(f"choices={choices!r}: expected a dict of at least two answers")
        if not all(isinstance(letter, str) for letter in choices):
            raise TypeError(f"choices={choices!r}: expected letters as keys")
        self.question = question
        self.choices = dict(choices)
        self.committed = None
        self.by_default = False

    def commit(self, choice=None):
        """Place the bet, and print it.

        Parameters
        ----------
        choice : str, optional
            A letter of the choices. Without one, the first is taken and marked as a default guess:
            so a notebook also runs when nobody is there to bet.

        Raises
        ------
        ValueError
            If there is no such choice.
        """
        letters = list(self.choices)
        committed = letters[0] if choice is None else known_name("choice", choice, letters)
        self.committed, self.by_default = committed, choice is None
        print(self._bet())

    def reveal(self, measured):
        """Print the bet beside what was measured.

        Parameters
        ----------
        measured : str
            The letter of the answer that the measurement gave.

        Raises
        ------
        RuntimeError
            If no bet was placed: first bet, then look.
        ValueError
            If there is no such choice.
        """
        if self.committed is None:
            raise RuntimeError("no bet was placed: run the cell with .commit() first")
        known_name("measured", measured, self.choices)
        print(self._bet())
        print(f"Measured ({measured}): {self.choices[measured]}")
        if self.by_default:
            print("Nobody bet this time. Next time, bet before you measure.")
        elif self.committed == measured:
            print("You knew it. Can you say why?")
        else:
            print("Not what you expected: look closely at what comes next.")

    def _bet(self):
        who = "Default guess" if self.by_default else "You bet"
        return f"{who} ({self.committed}): {self.choices[self.committed]}"

    def __repr__(self):
        """Return the question and its answers, a line each."""
        return "\n".join([self.question, *(f"  ({k}) {v}" for k, v in self.choices.items())])


@contextlib.contextmanager
def progress_bar(total, description):
    """Show how far a long computation is and how long it will take; leave nothing behind.

    Parameters
    ----------
    total : int
        How many steps there are.
    description : str

    Yields
    ------
    callable
        To be called with the number of steps done since the last call.

    Examples
    --------
    >>> with progress_bar(2000, "training") as progress:  # doctest: +SKIP
    ...     train(network, mnist, steps=2000, progress=progress, ...)
    """
    from tqdm import tqdm

    # On stdout: a notebook shows stderr as if something had gone wrong.
    with tqdm(total=total, desc=description, file=sys.stdout, leave=False, mininterval=0.5) as bar:
        yield bar.update
    if "IPython" in sys.modules:
        from IPython.display import clear_output

        clear_output()
