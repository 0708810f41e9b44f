"""The score of the course: the first bet counts, no point is lost, nothing is overwritten."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import initlab
from initlab.classroom import Prediction, prediction, reset_score, score

FIRST = " On this question your first bet counts."


@pytest.fixture(autouse=True)
def restart(monkeypatch, tmp_path):
    """Return a function that does what restarting the kernel does."""

    def restart():
        monkeypatch.setattr(prediction, "_SLIPS", {})
        monkeypatch.setattr(score, "_MEMORY", score._Memory())

    monkeypatch.chdir(tmp_path)
    restart()
    return restart


@pytest.fixture
def play(capsys):
    """Return a function: bet on a question, measure, and return the lines on the score."""

    def play(question, answer, measured):
        bet = Prediction(question, {"a": "heads", "b": "tails"})
        if answer is not None:
            bet.commit(answer)
        capsys.readouterr()
        bet.reveal(measured)
        return capsys.readouterr().out.splitlines()[3 if answer else 1 :]

    return play


def won(wins, bets):
    return f"Bets won so far: {wins} of {bets}."


def saved():
    return json.loads(score.FILE.read_text("utf-8"))


def files():
    return sorted(path.name for path in Path().iterdir() if path.suffix != ".lock")


def test_only_what_was_bet_on_is_written(play):
    Prediction("Never revealed?").commit(3)
    assert play("Nobody?", None, "a") == []
    assert list(Path().iterdir()) == []
    assert play("Größer?", "a", "a") == [won(1, 1)]
    bet = repr(Prediction("Größer?", {"a": "heads", "b": "tails"}))
    assert saved() == {bet: {"bet": "a", "won": True}}
    assert files() == [score.FILE.name]


def test_the_first_bet_counts_also_tomorrow(play, restart):
    assert play("One?", "a", "b") == [won(0, 1)]
    assert play("One?", "b", "b") == [won(0, 1)]  # the first one stands
    assert play("Two?", "b", "b") == [won(1, 2)]
    before = saved()
    for answer in "ab":
        restart()
        for _ in range(2):
            assert play("One?", answer, "b") == [won(1, 2) + FIRST]
        assert play("Two?", None, "b") == []
    assert saved() == before


PLAYER = """
import sys
from initlab.classroom import score
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    score.enter(f"{sys.argv[1]} {number}", "a", True)
"""


def test_two_kernels_at_once_lose_no_point():
    environment = os.environ | {"PYTHONPATH": str(Path(initlab.__file__).parents[1])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    players = [subprocess.Popen([sys.executable, "-c", PLAYER, name], **pipes) for name in "AB"]
    for player in players:
        assert player.stdout.readline() == "ready\n"
    for player in players:
        player.stdin.write("\n")
        player.stdin.flush()
    for player in players:
        player.communicate()
        assert player.returncode == 0
    assert len(saved()) == 120
    assert files() == [score.FILE.name]


def disk_is_full(monkeypatch, *, replace=os.replace):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    return lambda: monkeypatch.setattr(os, "replace", replace)


def lock_is_held(_):
    lock = FileLock(f"{score.FILE}.lock")
    lock.acquire()
    return lock.release


def is_a_folder(name):
    """Make a folder where a file has to be written: so nobody can, not even root."""
    Path(name).mkdir()
    return Path(name).rmdir


def folder_is_read_only(_):
    Path().chmod(0o500)
    if os.access(".", os.W_OK):
        pytest.skip("root, or Windows, may write there all the same")
    return lambda: Path().chmod(0o700)


@pytest.mark.parametrize(
    "trouble",
    [
        lock_is_held,
        folder_is_read_only,
        disk_is_full,
        lambda _: is_a_folder(f"{score.FILE}.lock"),
        lambda _: is_a_folder(f"{score.FILE}.part"),
    ],
    ids=["lock is held", "read-only", "full", "no lock", "no file"],
)
def test_what_cannot_be_saved_is_told_once_and_saved_later(play, monkeypatch, trouble):
    monkeypatch.setattr(score, "PATIENCE", 0)
    play("Before?", "a", "a")
    Path(f"{score.FILE}.lock").unlink(missing_ok=True)
    before = saved()
    end = trouble(monkeypatch)
    told, line = play("One?", "a", "a")
    assert told.startswith("The score can't be saved, and lasts as long as this kernel: ")
    assert line == won(2, 2)
    assert play("Two?", "a", "b") == play("Two?", "a", "b") == [won(2, 3)]
    assert saved() == before
    assert not Path(f"{score.FILE}.part").is_file()
    end()
    assert play("Three?", "a", "a") == [won(3, 4)]
    assert len(saved()) == 4
    assert files() == [score.FILE.name]
    score.FILE.unlink()  # as another kernel does by a reset: nothing is brought back
    assert play("Four?", "a", "b") == [won(0, 1)]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"One?": 3}', b'{"One?": {"bet": "a"}}', b"\xff\xfe"]
)
def test_a_damaged_file_is_left_alone_and_put_aside_by_a_reset(play, capsys, content):
    score.FILE.write_bytes(content)
    told, line = play("One?", "a", "a")
    assert f"{score.FILE} is damaged, and was left alone" in told
    assert line == won(1, 1)
    assert play("Two?", "a", "b") == [won(1, 2)]
    assert (files(), score.FILE.read_bytes()) == ([score.FILE.name], content)
    reset_score()
    assert score.OLD.read_bytes() == content
    capsys.readouterr()
    assert play("Three?", "a", "a") == [won(1, 1)]


def test_a_reset_begins_at_0_and_says_what_it_did(play, restart, capsys, monkeypatch):
    anew = "To bet anew, restart the kernels.\n"
    reset_score()
    assert capsys.readouterr().out == f"The score is 0 of 0. {anew}"
    assert list(Path().iterdir()) == []
    play("One?", "a", "b")
    before = saved()
    monkeypatch.setattr(score, "PATIENCE", 0)
    end = lock_is_held(monkeypatch)
    reset_score()
    end()
    assert capsys.readouterr().out.startswith("The score can't be reset: ")
    assert saved() == before
    reset_score()
    assert (
        capsys.readouterr().out
        == f"The score is 0 of 0. The old one is kept in {score.OLD}. {anew}"
    )
    assert json.loads(score.OLD.read_text("utf-8")) == before
    assert files() == [score.OLD.name]
    restart()
    assert play("One?", "b", "b") == [won(1, 1)]
