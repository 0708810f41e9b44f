"""The corrector: compares an answer with the right one, and with the likely wrong ones.

Right and wrong results are computed on the same cases; an answer that agrees with a mistake on all
of them gets the hint that belongs to it.
"""

import copy
import inspect
import math
from dataclasses import dataclass

import numpy as np

MISSING, NOT_YET, CORRECT = "still missing", "not yet", "correct"
# What NumPy's words mean to a beginner.
_HINTS = {
    "bitwise_": "each comparison needs parentheses: (h < 1) | (h > 2)",
    "truth value of an array": "for arrays write | and & instead of or and and",
    "could not be broadcast": (
        "these shapes don't fit: do these arrays belong together, or is it a product, @?"
    ),
    "'NoneType'": "a None is among the numbers: what must be computed or returned before?",
    "core dimension": "these shapes don't fit; a @ b needs as many columns in a as rows in b",
}


@dataclass(frozen=True, eq=False)
class Feedback:
    """What a check has to say of an answer.

    Attributes
    ----------
    state : str
        "still missing", "not yet" or "correct".
    message : str
        A hint, or what was shown by the answer.
    """

    state: str
    message: str

    @property
    def is_correct(self):
        """Whether the answer is right."""
        return self.state == CORRECT

    def __repr__(self):
        """Return state and message as one sentence."""
        return f"{self.state}: {self.message}"


class Unusable(ValueError):
    """Why a result cannot be compared, in words for the student; a summary may raise it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Check:
    """The check of one exercise: call it with the answer, and it returns ``Feedback``.

    The answer is a function, or a number where no function is asked for. Of all arguments it gets
    copies.

    Attributes
    ----------
    task : str
        What is asked for, in a few words.
    cases : tuple of tuple
        The arguments with which functions are called; ``((),)`` for a plain number.
    solve : callable
        Takes the arguments of a case, and returns the right result and a dict of wrong ones by
        hint.
    praise : str
    summary : callable
        What of a result is compared; of random draws, their statistics.
    tolerance : float
        Relative.
    first : str
        What the first number of a summary is, so that an answer can be told by how much it is off.
    """

    task: str
    cases: tuple
    solve: object
    praise: str
    summary: object = np.asarray
    tolerance: float = 1e-6
    first: str = ""

    def __call__(self, answer):
        """Return what there is to say about an answer."""
        if not (callable(answer) or _is_missing(answer) or self.cases == ((),)):
            return Feedback(NOT_YET, f"pass the function itself, without (). {self.task}")
        function = answer if callable(answer) else lambda *_: answer
        try:
            results = [self._result(function, case) for case in self.cases]
        except NotImplementedError:
            return Feedback(MISSING, self.task)
        except Unusable as reason:
            return Feedback(NOT_YET, str(reason))
        right, mistakes = self._solutions()
        if self._agree(results, right):
            return Feedback(CORRECT, self.praise)
        for hint, mistake in mistakes.items():
            if self._agree(results, mistake):
                return Feedback(NOT_YET, hint)
        seen, wanted = (
            _shape(of(*copy.deepcopy(self.cases[0])))
            for of in (function, lambda *case: self.solve(*case)[0])
        )
        if seen != wanted:
            return Feedback(NOT_YET, f"the result is {seen}; expected {wanted}")
        return Feedback(NOT_YET, self._difference(results, right))

    def _result(self, function, case):
        """Return what of the student's result is compared, or raise what is to be said of it."""
        arguments = copy.deepcopy(case)  # whatever is done to them
        try:
            result = function(*arguments)
        except NotImplementedError:
            raise
        except Exception as error:  # any mistake is possible here, and is the student's to see
            known = [hint for words, hint in _HINTS.items() if words in str(error)]
            said = known[0] if known else f"it stops with {type(error).__name__}: {error}"
            raise Unusable(said) from error
        # Asked first: who sorts in place, and returns nothing, has written an answer.
        if not _same(arguments, case):
            raise Unusable("it changes its arguments in place; work on copies of them")
        if _is_missing(result):
            raise NotImplementedError
        try:
            with np.errstate(all="ignore"):
                numbers = _numbers(self.summary(result))
        except Unusable as reason:
            raise Unusable(f"{reason}. {self.task}") from None
        except Exception:
            raise Unusable(f"the result is {_shown(result)}. {self.task}") from None
        if not np.isfinite(numbers).all():
            raise Unusable(f"the result holds NaN or infinite numbers. {self.task}")
        return numbers

    def _solutions(self):
        """Return the right results, one per case, and a dict of hint to wrong results."""
        solved = [self.solve(*copy.deepcopy(case)) for case in self.cases]
        mistakes = [wrong for _, wrong in solved]
        return self._summaries(right for right, _ in solved), {
            hint: self._summaries(wrong[hint] for wrong in mistakes) for hint in mistakes[0]
        }

    def _summaries(self, results):
        return [np.asarray(self.summary(result), dtype=np.float64) for result in results]

    def _agree(self, results, solutions):
        for result, expected in zip(results, solutions, strict=True):
            if result.shape != expected.shape:
                return False
            rounding = 1e-6 * np.abs(expected).max(initial=0)  # float32 will do
            if not np.allclose(result, expected, rtol=self.tolerance, atol=rounding):
                return False
        return True

    def _difference(self, results, right):
        for result, expected, case in zip(results, right, self.cases, strict=True):
            if result.shape != expected.shape:
                break  # the shape of a summary says nothing to who did not write it
            if self.first and not math.isclose(result[0], expected[0], rel_tol=self.tolerance):
                return f"{self.first} is {result[0]:.3g}; expected {expected[0]:.3g}"
            wrong = abs(result - expected).max(initial=0) > self.tolerance * abs(expected).max()
            if wrong and result.size == 1:
                plain = case and not any(np.ndim(part) for part in case)
                where = f"for {', '.join(map(_shown, case))} " if plain else ""
                size = "large" if result > expected else "small"
                return f"{where}your answer is {result.item():.4g}, which is too {size}"
        return f"that is not it. Try again: {self.task}"

    def __repr__(self):
        """Return what is asked for."""
        return f"Check({self.task!r})"


def exercise(**settings):
    """Make a ``Check`` of the function below: its docstring holds the task and the praise.

    Parameters
    ----------
    **settings
        As for ``Check``: cases, summary, tolerance, first.
    """

    def check(solve):
        task, praise = inspect.cleandoc(solve.__doc__).split("\n\nPraise: ")
        return Check(task=task, praise=praise, solve=solve, **settings)

    return check


def _is_missing(value):
    return value is None or value is Ellipsis


def _numbers(result):
    result = np.asarray(result)
    if result.dtype.kind not in "biuf":
        raise TypeError("no numbers")
    return result.astype(np.float64)


def _shape(result):
    """Return in words what shape a result has."""
    if isinstance(result, (list, tuple)) and all(np.ndim(one) for one in result):
        return f"a list of matrices of shapes {', '.join(str(np.shape(one)) for one in result)}"
    shape = np.shape(result)
    return f"an array of shape {shape}" if shape else "a single number"


def _same(arguments, case):
    return all(
        np.array_equal(new, old) if isinstance(old, (np.ndarray, list)) else True
        for new, old in zip(arguments, case, strict=True)
    )


def _shown(result):
    if isinstance(result, np.ndarray):
        return f"an array of shape {result.shape}"
    text = repr(result)
    return text if len(text) <= 60 else text[:57] + "..."
