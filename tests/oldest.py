"""Print every dependency at its lower bound, as a pip constraints file."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(
    Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
)["project"]

extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["test"], *extras["cluster"], *extras["web"]]:
    name, lower = re.match(r"([\w-]+)>=([\w.]+),", requirement).groups()
    print(f"{name}=={lower}")
