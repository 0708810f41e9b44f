"""The plane of order and chaos as a hand meets it: in JupyterLab, in Chromium or Chrome."""

import pytest
from test_explorers_in_the_browser import PICTURE, Explorer

# How far the plane of tanh reaches.
MOST = (4.0, 3.0)


class PhasePlane(Explorer):
    """A PhaseExplorer with a hand in its plane."""

    def place(self, sigma_w, sigma_b):
        """Return where on the page a point of the plane is, in the measures of tanh."""
        canvas = self.page.locator(PICTURE).first
        left, top, right, bottom = map(float, canvas.get_attribute("data-plane").split())
        box = canvas.bounding_box()
        x = box["x"] + left + sigma_w / MOST[0] * (right - left)
        return x, box["y"] + bottom - sigma_b / MOST[1] * (bottom - top)

    def shows(self, sigma_w, sigma_b):
        """Wait until picture, caption and kernel are at a point."""
        drawn = (
            f"canvas.dataset.sigmaW === '{sigma_w:g}' && canvas.dataset.sigmaB === '{sigma_b:g}'"
        )
        self.sees(f"{drawn} && canvas.dataset.ready === 'true'")
        self.until(lambda: (self.value("sigma_w"), self.value("sigma_b")) == (sigma_w, sigma_b))
        assert self.caption() == self.lab.ask("print(explorer.reading().caption)")
        labels = "print(explorer.sigma_w.label, explorer.sigma_b.label)"
        readouts = [self.control(name).locator(".widget-readout") for name in self.sliders]
        self.until(lambda: self.lab.ask(labels) == " ".join(text.inner_text() for text in readouts))


@pytest.fixture(scope="module")
def opened(lab):
    return PhasePlane(lab, "PhaseExplorer(depth=5, width=50)", ["sigma_w", "sigma_b"])


@pytest.fixture
def plane(opened):
    opened.begin()
    opened.lab.errors.clear()
    opened.page.locator(PICTURE).first.scroll_into_view_if_needed()
    yield opened
    assert opened.lab.errors == []


def test_a_click_or_a_slider_chooses_a_point(plane):
    plane.handle("sigma_w").press("ArrowRight")
    plane.handle("sigma_b").press("ArrowLeft")
    plane.shows(1.6, 0.4)
    for point in [(3.0, 0.3), (0.5, 2.4), (2.2, 1.6)]:
        before = plane.pixels()
        plane.page.mouse.click(*plane.place(*point))
        plane.shows(*point)
        assert plane.pixels() != before
    # Beside the plane a click chooses nothing.
    x, y = plane.place(MOST[0], 1.5)
    plane.page.mouse.click(x + 150, y)
    plane.shows(2.2, 1.6)


def test_keys_move_the_point_and_stop_at_the_edges(plane):
    canvas = plane.page.locator(PICTURE).first
    canvas.focus()
    active = plane.page.evaluate("window.panel.content.activeCellIndex")
    keys = {
        "ArrowRight": (1.6, 0.5),
        "ArrowUp": (1.6, 0.6),
        "PageUp": (1.6, 1.1),
        "ArrowLeft": (1.5, 1.1),
        "ArrowDown": (1.5, 1.0),
        "End": (4.0, 1.0),
        "PageDown": (4.0, 0.5),
        "Home": (0.0, 0.5),
    }
    for key, point in keys.items():
        plane.page.keyboard.press(key)
        plane.shows(*point)
    plane.page.keyboard.press("ArrowLeft")
    plane.page.keyboard.press("PageDown")
    plane.page.keyboard.press("ArrowDown")
    plane.shows(0.0, 0.0)
    # JupyterLab has not taken the keys for its own.
    assert plane.page.evaluate("window.panel.content.activeCellIndex") == active
    assert canvas.evaluate("canvas => canvas === document.activeElement")
    assert canvas.evaluate("canvas => getComputedStyle(canvas).outlineStyle") == "solid"


def test_dragging_asks_no_kernel(plane):
    mouse, canvas = plane.page.mouse, plane.page.locator(PICTURE).first
    seen = {}
    with plane.lab.busy(plane.lab.root):
        mouse.move(*plane.place(0.4, 0.2))
        mouse.down()
        for point in [(1.0, 0.6), (1.8, 1.2), (2.6, 1.8), (3.4, 2.4), (5.0, 4.0)]:
            mouse.move(*plane.place(*point), steps=3)
            drawn = plane.drawn("sigma_w"), plane.drawn("sigma_b")
            assert drawn == (min(point[0], 4.0), min(point[1], 3.0))
            assert canvas.get_attribute("data-ready") == "true"
            seen[drawn] = plane.pixels(), plane.caption()
        mouse.up()
    assert len(set(seen.values())) == 5
    plane.shows(4.0, 3.0)


def test_another_plane_and_another_theme_are_drawn_anew(plane):
    plane.shows(1.5, 0.5)  # and no longer what the test before has left
    light = plane.pixels()
    theme = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: '%s'})"
    plane.page.evaluate(theme % "JupyterLab Dark")
    plane.sees_other_pixels_than(light)
    plane.page.evaluate(theme % "JupyterLab Light")
    plane.sees("canvas.toDataURL() === argument", light)
    plane.control("activation").locator("select").select_option("sigmoid")
    plane.sees("canvas.dataset.sigmaB === '0.5' && canvas.dataset.sigmaW === '1.6'")
    plane.shows(1.6, 0.5)
    plane.lab.ask("explorer.wait()")
    # The upper right corner is the end of the new axes.
    plane.page.mouse.click(*plane.place(*MOST))
    plane.shows(16.0, 7.5)
