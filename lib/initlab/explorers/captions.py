"""The pictures in words, with the same numbers."""

import re

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.experiments.plane import INPUT_CORRELATION


def number(value):
    """Return a number as written in pictures, e.g. 0.0123 or 1.2e-7."""
    if not np.isfinite(value):
        return "overflow" if np.isinf(value) else "none"
    if value != 0 and not 1e-3 <= abs(value) < 1e4:
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits}e{int(power):+d}"
    return f"{float(f'{value:.3g}'):g}"  # 1230, and not 1.23e+03


def first_look(text):
    """Leave out of a caption what a first look can't explain, as the page does (``canvas.js``)."""
    return re.sub(", across inputs.*", ".", re.sub(r"^(std \S+) \([^)]*\)", r"\1", text))


def percent(share):
    """Return a fraction as written in pictures; only an exact 0 is shown as 0 %."""
    if np.isnan(share):
        return "none"
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{int(100 * share + 0.5)} %"  # halves are rounded up, as in the page


def overflowing_layer(*measurements):
    """Return the number of the first layer with a value that is not finite, or None."""
    bad = ~np.isfinite(np.array(measurements, dtype=np.float64)).all(axis=0)
    return int(bad.argmax()) + 1 if bad.any() else None


def activations(settings, place, row):
    """Describe what five (or thirty) histograms show."""
    label = place["label"]
    overflow = overflowing_layer(row["pooled_std"], row["across_input_std"])
    if overflow:
        return f"std {label}: numbers overflow in layer {overflow}, and nothing is left after it."
    last = len(row["pooled_std"])
    pooled, across = row["pooled_std"][-1], row["across_input_std"][-1]
    saturated, dead = row["saturated_fraction"][-1], row["dead_fraction"][-1]
    total = row["counts"].sum(axis=1) + sum(row[name] for name in ("zeros", "below", "above"))
    outside = (row["below"] + row["above"])[-1] / total[-1]
    if pooled == 0:
        seen = "all activations are equal: nothing of the inputs is left"
    elif dead > 0.5:
        seen = "most neurons are dead: they let no gradient through"
    elif saturated > 0.5:
        seen = "most activations are saturated"
    elif outside > 0.5 or pooled > ACTIVATIONS[settings.activation].span[1]:
        seen = "the signal has exploded"
    elif across < 1e-3 and pooled < 0.05:
        seen = "the signal has died out"
    elif across < 0.05 * pooled:
        seen = "the neurons hardly notice their inputs"
    elif saturated > 0.1:
        seen = "the signal arrives, partly saturated"
    else:
        seen = "the signal arrives"
    facts = [f"std {number(pooled)}", f"across inputs {number(across)}"]
    shares = {"saturated": saturated, "dead": dead, "off scale": outside}
    facts += [f"{name} {percent(share)}" for name, share in shares.items() if share]
    return f"std {label}, layer {last}: {', '.join(facts)}; {seen}."


def activation_line(layer):
    """Return the numbers of one layer as a line of text."""
    return (
        f"std {number(layer['pooled_std'])}   across inputs {number(layer['across_input_std'])}"
        f"   saturated {percent(layer['saturated_fraction'])}"
        f"   dead {percent(layer['dead_fraction'])}"
    )


def change(first, last):
    """Describe by how much a size has changed."""
    if not (np.isfinite(first) and np.isfinite(last)):
        return "overflows"
    if first == last == 0:
        return "is 0"
    if last == 0:
        return "falls to 0"
    factor = last / first if first else np.inf
    if 0.5 <= factor <= 2:
        return f"keeps its size (x {factor:.2f})"
    size = number(factor)
    return f"grows by a factor of {size}" if factor > 1 else f"shrinks to {size} of its size"


def signals(settings, place, row):
    """Describe how the size of activations and gradients changes across the layers."""
    forward, backward = row["forward_rms"], row["gradient_rms"]
    text = (
        f"std {place['label']}. Forward, from layer 1 to {settings.depth}, the RMS "
        f"{change(forward[0], forward[-1])}; "
        f"back to layer 1 the gradient's RMS {change(backward[-1], backward[0])}"
    )
    median = row["gradient_median"][0]
    if np.isfinite(backward[0]) and median < 0.01 * backward[0]:
        few = f"smaller than {number(median)}" if median else "0"
        text += f", but half of the gradients there are {few}"
    return text + "."


def signal_line(layer):
    """Return the numbers of one layer as a line of text."""
    return (
        "activations: RMS {forward_rms:.2e}, median {forward_median:.2e}"
        "   gradients: RMS {gradient_rms:.2e}, median {gradient_median:.2e}"
    ).format(**layer)


def phase(settings, place, row):
    """Describe the side of the critical line that a network is on, and what two inputs become."""
    chi, scale = place["chi"], place["depth_scale"]
    # How far chi is from 1, as felt by a network of this depth.
    distance = settings.depth * abs(np.log(chi)) if chi > 0 else np.inf
    side = "order" if chi < 1 else "chaos"
    name = f"{side.capitalize()}" if distance > 2 else f"Close to the line, in {side}"
    if distance < 0.1:
        name = "On the line"
    point = f"sigma_w {number(place['sigma_w'])}, sigma_b {number(place['sigma_b'])}"
    start = f"{name}: chi {number(chi)} ({point})"
    q, likeness, gradient = row["q"], row["correlation"], row["gradient_rms"]
    overflow = overflowing_layer(q)
    if overflow:
        return f"{start}; numbers overflow in layer {overflow}, and nothing is left after it."
    if np.isnan(likeness[-1]):
        return f"{start}; z is 0 in the end, and nothing is left of the inputs."
    known = row["predicted_correlation"][-1]
    # Where z dies out or explodes, the depth scale describes that rather than the correlation.
    pace = _pace(scale) if 0 < place["fixed_q"] < np.inf else ""
    stay = chi > 1 and scale < np.inf
    seen = [f"{_likeness(likeness[-1], known, stay)}{pace}"]
    if not 0.01 <= q[-1] / q[0] <= 100:
        seen.append(f"the mean of z² {change(q[0], q[-1])}")
    seen.append(f"back to layer 1 the gradient's RMS {change(gradient[-1], gradient[0])}")
    return f"{start}; {'; '.join(seen)}."


def phase_line(layer):
    """Return the numbers of one layer as a line of text, with theory's in brackets."""
    return (
        "q {q:.2e} ({predicted_q:.2e})"
        "   correlation {correlation:.3f} ({predicted_correlation:.3f})"
        "   gradient RMS {gradient_rms:.2e} ({predicted_gradient_rms:.2e})"
    ).format(**layer)


def _likeness(correlation, known, stay):
    words = "two inputs are scrambled" if known < 0.5 else "two inputs become less alike"
    if correlation > 0.99:
        words = "two inputs become alike"
    elif correlation > INPUT_CORRELATION + 0.1:
        words = f"two inputs become more alike{' but stay different' if stay else ''}"
    elif correlation > INPUT_CORRELATION - 0.1:
        words = "two inputs stay about as alike as they were"
    numbers = f"correlation from {INPUT_CORRELATION} to {correlation:.2f} (theory {known:.2f})"
    return f"{words}, {numbers}"


def _pace(scale):
    if not np.isfinite(scale) or scale > 100:
        return ", slowly"
    return f", with a depth scale of {number(scale)} layers"


def fold(settings, place, row):
    """Describe what becomes of the bell curve of z."""
    f, std_z = ACTIVATIONS[settings.activation], place["std_z"]
    row = {name: values[0] for name, values in row.items()}
    start = f"std {place['label']}: z has std {number(std_z)}"
    if std_z == 0:
        return f"{start}: every z is 0, and every activation {number(row['h'][0])}."
    if f.saturation is not None:
        saturated = percent(row["saturated_fraction"])
        return f"{start}; {saturated} of the activations are saturated: {_shape(row['shares'])}."
    shares = {"are 0": row["zero_fraction"]}
    shares |= {f"lie above {f.span[1]:g}": row["above"], f"below {f.span[0]:g}": row["below"]}
    facts = [f"{percent(share)} {words}" for words, share in shares.items() if share]
    return f"{start}; of the activations {', '.join(facts) or 'all are in the picture'}."


def _shape(shares):
    most, middle = shares.max(), shares[len(shares) // 2]
    if most <= 2 * shares.min():
        return "nearly flat"
    if middle >= 0.9 * most:
        return "one hill"
    if most > max(shares[0], shares[-1]):
        return "two hills"
    return "two piles" if min(shares[0], shares[-1]) > 0.1 else "highest at the two ends"


def fold_line(layer):
    """Return the numbers of the histogram as a line of text."""
    bars = " ".join(f"{100 * share:.1f}" for share in layer["shares"])
    saturated, zero = percent(layer["saturated_fraction"]), percent(layer["zero_fraction"])
    return f"saturated {saturated}   exactly 0 {zero}   bars in %: {bars}"


def training(loss):
    """Describe what a loss means for ten classes."""
    if np.isnan(loss):
        return "no loss yet"
    seen = "no better than guessing" if loss > 2.25 else "it learns"
    if loss > 2.5:
        seen = "more than guessing costs"
    return f"loss {number(loss)}: {seen}"
