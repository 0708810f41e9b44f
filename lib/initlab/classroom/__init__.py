"""What makes a notebook a lesson: a bet before the measurement, and exercises after it.

``prediction`` keeps the bets, ``ballot`` shows them, ``score`` counts those won. ``ledger`` judges
the article's claims, ``exercises`` holds one check for each exercise of the series, and ``checks``
compares an answer with the right one and with the likely wrong ones.
"""

from initlab.classroom import exercises
from initlab.classroom.exercises import *  # noqa: F403 (each check, under its name)
from initlab.classroom.prediction import Prediction
from initlab.classroom.score import reset_score

__all__ = ["Prediction", "reset_score", *exercises.__all__]
