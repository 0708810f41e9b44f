"""The bell curve of z, folded by an activation: its numbers, its page, its words."""

import dataclasses

import numpy as np
import pytest
from scipy import special, stats

from initlab import experiments
from initlab import initializers as init
from initlab.activations import ACTIVATIONS
from initlab.explorers import FoldExplorer, FoldSettings, captions, scrub_table

# The inverses of the functions that have one, from the literature rather than from the library.
INVERSES = {
    "sigmoid": special.logit,
    "tanh": np.arctanh,
    "erf": special.erfinv,
    "softsign": lambda h: h / (1 - np.abs(h)),
    "identity": lambda h: h,
    "relu": lambda h: np.where(h > 0, h, -np.inf),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("std_z", [0.1, 1.0, 1.7, 10.0, 300.0])
@pytest.mark.parametrize("name", INVERSES)
def test_shares_are_those_of_the_normal_distribution(name, std_z):
    folded, f = experiments.folded_bell(std_z, name), ACTIVATIONS[name]
    below = stats.norm.cdf(INVERSES[name](np.linspace(*f.span, 24)), scale=std_z)
    below[-1] = 1 if f.saturation else below[-1]
    np.testing.assert_allclose(folded.shares, np.diff(below), atol=2e-4)
    np.testing.assert_allclose([folded.below, folded.above], [below[0], 1 - below[-1]], atol=1e-4)
    saturated = 2 * stats.norm.sf(f.saturation or np.inf, scale=std_z)
    assert folded.saturated_fraction == pytest.approx(saturated, abs=2e-4)
    assert folded.zero_fraction == (0.5 if name == "relu" else 0)
    flat = folded.saturated_fraction + folded.zero_fraction
    assert folded.flat_shares[[0, -1]].sum() == pytest.approx(flat) == folded.flat_shares.sum()
    assert (folded.flat_shares <= folded.shares).all()
    middles = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(folded.z, stats.norm.ppf(middles, scale=std_z), rtol=1e-7)
    np.testing.assert_array_equal(folded.h, f(folded.z))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_without_a_spread_there_is_one_bar_and_all_shares_are_always_whole(name):
    folded = experiments.folded_bell(0, name)
    assert folded.shares.max() == 1
    assert folded.flat_shares.sum() == (name == "relu")  # all others have a slope at 0
    for std_z in (0.5, 5.0):
        folded = experiments.folded_bell(std_z, name, bars=7)
        assert folded.shares.sum() + folded.below + folded.above == pytest.approx(1)


@pytest.mark.parametrize("std", [0.1, 1.0])
def test_layer_1_of_a_network_has_that_histogram(std):
    layer = experiments.five_layers(init.normal(std), depth=1).layers[0]
    folded = experiments.folded_bell(10 * std)
    counts, _ = np.histogram(layer.h, 23, (0, 1))
    np.testing.assert_allclose(counts / layer.h.size, folded.shares, atol=0.01)
    assert layer.saturated_fraction == pytest.approx(folded.saturated_fraction, abs=0.02)


@pytest.mark.parametrize(
    "wrong", [{"std_z": -1}, {"activation": "x"}, {"portions": 0}, {"bars": 1.5}], ids=str
)
def test_what_cannot_be_folded_is_refused_by_name(wrong):
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        experiments.folded_bell(**{"std_z": 1.0} | wrong)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_position_and_the_page_have_the_numbers_of_the_folded_bell(name):
    table, f = scrub_table(FoldSettings(name, 25)), ACTIVATIONS[name]
    words, arrays = table.for_page()
    for position in range(0, 122, 11):
        place = table.places[position]
        assert place["std_z"] == words["std_z"][position] == pytest.approx(5 * place["std"])
        folded = dataclasses.asdict(experiments.folded_bell(place["std_z"], name))
        for key, values in table.row(position).items():
            np.testing.assert_array_equal(values, [folded[key]])
        beyond = stats.norm.sf(12, scale=place["std_z"] or 1)
        assert words["beyond"][position] == pytest.approx(beyond)
        # The page puts a portion at its place of the bell of std 1, times std_z.
        places, heights = np.transpose(words["portions"])
        np.testing.assert_allclose(
            f(places * place["std_z"]), arrays["h"][position, 0], rtol=1e-6, atol=1e-12
        )
    np.testing.assert_allclose(heights, stats.norm.pdf(places) / stats.norm.pdf(0))
    np.testing.assert_allclose(stats.norm.cdf(words["cuts"]), np.linspace(0, 1, 21), atol=1e-15)
    steep = [0 if name == "relu" else -12, 12]
    if f.saturation:
        steep = [max(-f.saturation, -12), min(f.saturation, 12)]
    np.testing.assert_allclose(words["steep"], steep, atol=0.011)
    assert {array.dtype.itemsize for array in arrays.values()} == {1, 4}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("std=0", "z has std 0: every z is 0, and every activation 0.5."),
        ("std=0.1", "z has std 1; 0 % of the activations are saturated: one hill."),
        ("std=0.17", "z has std 1.68; 1 % of the activations are saturated: nearly flat."),
        ("std=0.22", "z has std 2.24; 4 % of the activations are saturated: highest at the two"),
        ("std=1", "z has std 10; 65 % of the activations are saturated: two piles."),
        ("std=1 width=1000", "z has std 31.6; 88 % of the activations are saturated: two piles."),
        ("std=0.3 activation=softsign", "0 % of the activations are saturated: two hills."),
        ("std=0.1 activation=relu", "z has std 1; of the activations 50 % are 0."),
        ("std=1 activation=relu", "of the activations 50 % are 0, 34 % lie above 4."),
        ("std=1 activation=identity", "of the activations 34 % lie above 4, 34 % below -4."),
        ("std=0.01 activation=gelu", "of the activations all are in the picture."),
    ],
)
def test_caption_says_what_becomes_of_the_bell(state, words):
    explorer = FoldExplorer()
    explorer.state = state
    reading = explorer.reading()
    assert reading.caption.startswith(f"std {explorer.std.label}: z has std ")
    assert words in reading.caption
    assert captions.percent(reading.saturated_fraction[0]) in str(reading)
    explorer.close()


@pytest.mark.parametrize("name", [name for name, f in ACTIVATIONS.items() if f.saturation])
def test_along_the_slider_a_hill_becomes_two_piles_and_never_comes_back(name):
    table = scrub_table(FoldSettings(name))
    seen = [caption.rpartition(": ")[2] for caption in table.captions[1:]]
    assert list(dict.fromkeys(seen)) == [
        one for one, after in zip(seen, [*seen[1:], ""], strict=True) if one != after
    ]
    assert (seen[0], seen[-1]) == ("one hill.", "two piles.")
    for words, (shares,) in zip(seen, table.arrays["shares"][1:], strict=True):
        assert ("flat" in words) == (shares.max() <= 2 * shares.min())
        assert ("piles" in words) <= (shares[[0, -1]].min() > 0.1)
        assert ("hill." in words) <= (shares[11] >= 0.9 * shares.max())
