"""Put the data set, with its licence, into built packages; the rest is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithData(build_py):
    """Copy the files of ``data/`` next to the modules, unless the install is editable.

    An editable install finds them in the checkout itself.
    """

    def run(self):
        """Build as usual, then add the data file."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "initlab", "data")
            self.mkpath(str(target))
            for name in ("mnist.npz", "README.md"):
                self.copy_file(str(Path("data", name)), str(target / name))


setup(cmdclass={"build_py": BuildWithData})
