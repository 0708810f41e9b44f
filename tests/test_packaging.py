import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import initlab

ROOT = Path(__file__).parents[1]


def read(name):
    return ROOT.joinpath(name).read_text(encoding="utf-8")


def pyproject_bounds(*extras):
    project = tomllib.loads(read("pyproject.toml"))["project"]
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    bounds = {}
    for requirement in requirements:
        name, bound = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        bounds[name] = bound
    assert len(bounds) == len(requirements)
    return bounds


def conda_bounds():
    dependencies = read("environment.yml").split("\ndependencies:\n")[1]
    lines = re.findall(r"^  - ([\w-]+) ?([^\s:]*)$", dependencies, flags=re.MULTILINE)
    bounds = dict(lines)
    assert len(bounds) == len(lines)
    # The one package that goes by another name there.
    bounds["playwright"] = bounds.pop("playwright-python")
    return bounds


@pytest.mark.parametrize(
    ("name", "bound"), pyproject_bounds("test", "cluster", "web", "bench").items()
)
def test_dependency_has_a_lower_and_an_upper_bound(name, bound):
    assert re.fullmatch(r">=\d+(\.\d+)+,<\d+(\.\d+)?", bound), name


def test_conda_environment_has_the_same_dependencies():
    conda = conda_bounds()
    assert conda.pop("pip") == ""
    assert (
        conda.pop("python") == tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    )
    assert conda == pyproject_bounds("test", "cluster", "web")


def test_conda_environment_installs_the_package_itself():
    assert re.search(
        r"^  - pip:\n(      #.*\n)*      - -e \.$", read("environment.yml"), re.MULTILINE
    )


def test_oldest_prints_the_lower_bounds():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "oldest.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        f"{name}=={bound.split(',')[0].removeprefix('>=')}"
        for name, bound in pyproject_bounds("test", "cluster", "web").items()
    ]
    assert done.stdout.splitlines() == expected


def test_the_licence_and_the_version_stand_wherever_they_are_looked_for():
    project, citation = tomllib.loads(read("pyproject.toml"))["project"], read("CITATION.cff")
    assert project["version"] == initlab.__version__
    assert f"\nversion: {initlab.__version__}\n" in citation
    assert "\nlicense: BSD-3-Clause\n" in citation
    assert project["license"].startswith("BSD-3-Clause")
    assert all(name in read("README.md") for name in ("LICENSE", "CC BY 4.0", "CC BY-SA"))


def test_build_carries_the_data_set(tmp_path):
    # In a copy, as a build writes next to its sources.
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("lib", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", "out"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    built = tmp_path / "out" / "initlab"
    assert (built / "__init__.py").is_file()
    data = Path("data", "mnist.npz")
    assert (built / data).read_bytes() == (ROOT / data).read_bytes()


def project_files():
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in listing.decode().split("\0") if name]


def test_no_file_names_a_place_on_one_machine():
    files = project_files()
    if not files:
        pytest.skip("not a git checkout")
    home = re.compile(r"(?<![\w.~])/(?:home|Users|root|tmp|work|var/folders)/\w|[A-Z]:\\+Users\\")
    found = []
    for path in files:
        if path.suffix in {".npz", ".png"} or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            # An encoded picture can hold any sequence of letters and slashes.
            if '"image/png": "' not in line and home.search(line):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{number}")
    assert not found
