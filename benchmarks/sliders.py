"""How quickly sliders answer: ours beside a bare link in the page and the usual ``interact``.

Run it with ``make bench``, on a quiet machine. All are measured in one run, in a real JupyterLab
and browser: from the input event to the painted picture.
"""

import importlib.util
import json
import statistics
import tempfile
import time
from pathlib import Path

from initlab.explorers import ActivationExplorer, ActivationSettings, activation_table
from initlab.explorers.tables import pack

HELPER = Path(__file__).parents[1] / "tests" / "browser" / "lab_in_browser.py"

BARE = """
import ipywidgets as widgets
slider, bar = widgets.IntSlider(max=121), widgets.IntProgress(max=121)
link = widgets.jslink((slider, "value"), (bar, "value"))
box = widgets.VBox([slider, bar])
box.add_class("bench")
box
"""
OURS = """
from initlab.explorers import ActivationExplorer
explorer = ActivationExplorer(std=0.0)
explorer.wait()
explorer.add_class("bench")
explorer
"""
# What most courses do: a new figure at each move.
INTERACT = """
import ipywidgets as widgets
import matplotlib.pyplot as plt
from initlab import experiments
from initlab import initializers as init

def show(position):
    start = init.normal(0.01 * 10 ** (position / 40))
    layers = experiments.five_layers(start, dtype="float32").layers
    figure, axes = plt.subplots(1, 5, figsize=(13, 4))
    for ax, layer in zip(axes, layers, strict=True):
        ax.hist(layer.h.ravel(), bins=30)
    plt.show()

box = widgets.interactive(show, position=widgets.IntSlider(max=121))
box.add_class("bench")
box
"""
# For each kind: its cell, its slider and what changes when its picture does.
KINDS = {
    "bare link": (BARE, ".bench .noUi-handle", ".bench .progress-bar"),
    "initlab": (OURS, ".bench .initlab-std .noUi-handle", ".bench canvas"),
    "interact": (INTERACT, ".bench .noUi-handle", ".bench .jp-OutputArea"),
}

WATCH = """([selector, picture]) => {
  window.painted = 0;
  window.changed = 0;
  const seen = () => { window.changed += 1; };
  window.watcher?.disconnect();
  window.watcher = new MutationObserver(seen);
  window.watcher.observe(document.querySelector(picture), {
    attributes: true, attributeFilter: ["style", "data-std", "src", "class"],
    childList: true, subtree: true,
  });
  let before = 0;
  window.counting = true;
  const frame = () => {
    if (window.changed !== before) { before = window.changed; window.painted += 1; }
    if (window.counting) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
# Dispatches one key press; resolves after the frame that shows its picture.
PRESS = """([selector, picture, image]) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no picture within ten seconds")), 10000);
  const target = document.querySelector(picture);
  const begin = performance.now();
  const watcher = new MutationObserver(() => {
    if (image && !target.querySelector("img")) return;
    watcher.disconnect();
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => resolve(performance.now() - begin);
      channel.port2.postMessage(0);
    });
  });
  watcher.observe(target, {
    attributes: true, attributeFilter: ["style", "data-std"], childList: true, subtree: true,
  });
  const handle = document.querySelector(selector);
  handle.focus();
  handle.dispatchEvent(
    new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, cancelable: true}),
  );
})"""
BUSY = "import time; t = time.time()\nwhile time.time() - t < 60 and not done: pass"


def helper():
    """Return the module that starts JupyterLab and the browser."""
    spec = importlib.util.spec_from_file_location("lab_in_browser", HELPER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def presses(lab, slider, picture, count):
    """Return the milliseconds from a key press to its painted picture, for each press."""
    image = picture.endswith("OutputArea")
    times = []
    for _ in range(count):
        times.append(lab.page.evaluate(PRESS, [slider, picture, image]))
        time.sleep(0.08)
    return times


def drag(lab, slider, picture, moves=150, seconds=2.5):
    """Drag a slider fast; return pictures a second, and whether the last is of the last place."""
    page = lab.page
    knob = page.locator(slider).first.bounding_box()
    track = page.locator(slider).first.evaluate(
        "h => { const {x, width} = h.closest('.noUi-target').getBoundingClientRect();"
        " return [x, width]; }"
    )
    y = knob["y"] + knob["height"] / 2
    page.mouse.move(knob["x"] + knob["width"] / 2, y)
    page.mouse.down()
    page.evaluate(WATCH, [slider, picture])
    begin = time.monotonic()
    for move in range(moves):
        part = 0.95 - 0.9 * abs(1 - 2 * move / moves)  # there and back
        page.mouse.move(track[0] + part * track[1], y)
        time.sleep(max(0.0, begin + seconds * (move + 1) / moves - time.monotonic()))
    took = time.monotonic() - begin
    pictures = page.evaluate("window.painted")
    page.mouse.up()
    page.wait_for_timeout(1500)
    page.evaluate("window.counting = false; window.watcher.disconnect()")
    return pictures / took, last_is_right(page, picture)


def last_is_right(page, picture):
    """Whether the picture shows what the slider says; None where it can't be read off."""
    if not picture.endswith("canvas"):
        return None
    label = page.locator(".bench .initlab-std .widget-readout").inner_text().split()[0]
    return float(label) == float(f"{float(page.locator(picture).get_attribute('data-std')):.4g}")


def in_the_page(count=40):
    """Measure all kinds, and ours beside a busy kernel; return rows of the table."""
    tools, rows = helper(), {}
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "root"), Path(folder, "home")
        root.mkdir()
        home.mkdir()
        with tools.jupyterlab(root, home) as address, tools.browser() as browser:
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            lab = tools.Lab(page, address)
            for name, (code, slider, picture) in KINDS.items():
                tools.write_notebook(root / "bench.ipynb", code.strip())
                lab.open("bench.ipynb")
                lab.run(0)
                page.wait_for_selector(picture, state="attached")
                page.wait_for_timeout(1500)
                few = 10 if name == "interact" else count
                rows[name] = presses(lab, slider, picture, few), *drag(lab, slider, picture)
                if name == "initlab":
                    lab.start("done = False\n" + BUSY)
                    busy = presses(lab, slider, picture, few), *drag(lab, slider, picture)
                    rows["initlab, kernel busy"] = busy
                    page.evaluate("window.panel.sessionContext.session.kernel.interrupt()")
                    page.wait_for_timeout(500)
    return rows


def in_the_kernel():
    """Return what a change of setting costs: milliseconds, bytes."""
    explorer = ActivationExplorer()
    explorer.wait()
    first, whole = [], []
    for seed in range(1, 6):
        explorer.activation.value = "tanh" if seed % 2 else "relu"
        begin = time.perf_counter()
        explorer.state = f"seed={seed} activation=sigmoid"
        first.append(1000 * (time.perf_counter() - begin))
        explorer.wait()
        whole.append(1000 * (time.perf_counter() - begin))
    size = len(pack("activations", [activation_table(ActivationSettings())]))
    before = resident()
    for seed in range(500):
        explorer.seed.value = seed
    explorer.wait()
    return {
        "first position, ms (at most 150)": f"{statistics.median(first):.0f}",
        "whole default table, ms (at most 600)": f"{statistics.median(whole):.0f}",
        "default table, kB (at most 100)": f"{size / 1000:.1f}",
        "memory after 500 changes, MB (at most 10)": (
            "not measured here" if before is None else f"{(resident() - before) / 1e6:+.1f}"
        ),
    }


def resident():
    """Return the bytes of memory of this process, or None where the system doesn't tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return 4096 * pages


def main():
    """Print both tables."""
    for name, value in in_the_kernel().items():
        print(f"{name:45} {value}")
    print()
    if helper().find_browser() is None:
        print("sliders in the page: skipped,", helper().MISSING)
        return
    rows = in_the_page()
    bare, rate = statistics.median(rows["bare link"][0]), rows["bare link"][1]
    print(f"{'event to picture':24}{'median':>10}{'95 %':>10}{'/ bare':>8}", end="")
    print(f"{'drag: pictures/s':>18}{'/ bare':>8}   last right")
    for name, (times, pictures, right) in rows.items():
        median, late = statistics.median(times), sorted(times)[int(0.95 * (len(times) - 1))]
        print(f"{name:24}{median:7.1f} ms{late:7.1f} ms{median / bare:8.2f}", end="")
        print(f"{pictures:18.1f}{pictures / rate:8.2f}   {json.dumps(right)}")
    usual = statistics.median(rows["interact"][0]) / statistics.median(rows["initlab"][0])
    print(f"\ninteract takes {usual:.0f} times as long as initlab (at least 25)")


if __name__ == "__main__":
    main()
