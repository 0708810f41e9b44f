"""Do the examples in the docstrings give what they say?"""

import doctest
import importlib
import pkgutil

import pytest

import initlab

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(initlab.__path__, "initlab.")
    if ".explorers" not in name and "plotting" not in name
]
EXAMPLES = [
    example
    for name in MODULES
    for example in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    if example.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_gives_what_it_says(example, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # that of a bet saves its score
    failed, _ = doctest.DocTestRunner().run(example)
    assert failed == 0


def test_there_is_an_example_of_what_students_type_most():
    shown = {example.name.rpartition(".")[2] for example in EXAMPLES}
    assert {"MLP", "train", "he_normal", "SGD", "load_mnist", "measure_signals"} <= shown
