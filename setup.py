"""Put the data set into built packages; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithData(build_py):
    """Copy ``data/mnist.npz`` next to the modules, unless the install is editable.

    An editable install finds the file in the checkout itself.
    """

    def run(self):
        """Build as usual, then add the data file."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "initlab", "data", "mnist.npz")
            self.mkpath(str(target.parent))
            self.copy_file(str(Path("data", "mnist.npz")), str(target))


setup(cmdclass={"build_py": BuildWithData})
