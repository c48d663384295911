"""The package parley-django: its own tests, its types and its distributions, in each Django environment."""
import os
import subprocess
import zipfile

import pytest

from deadline import patient
from django_project import Project, environments, python_of, variables
from server import ROOT

PACKAGE = f"{ROOT}/clients/django"


def run(environment, *arguments, directory=PACKAGE, **more):
    return subprocess.run([python_of(environment), *map(str, arguments)], cwd=directory, text=True, timeout=patient(300),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables(**more))


@pytest.mark.proves("Django package: settings of the guide")
@pytest.mark.parametrize("environment", environments())
def test_its_own_tests_pass(environment):
    done = run(environment, "-W", "error::RuntimeWarning", "run_tests.py")
    assert done.returncode == 0 and "\nOK" in done.stdout, done.stdout


def test_it_is_typed(tmp_path):
    done = run("newest", "-m", "mypy", "--cache-dir", tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The folder with wheel and sdist, built without the network."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
    subprocess.run(["cp", "-r", PACKAGE, source], check=True)
    done = run("newest", "-m", "build", "--no-isolation", "--outdir", folder, source)
    assert done.returncode == 0, done.stdout
    return folder


def test_wheel_and_sdist(distributions, tmp_path):
    [wheel], [sdist] = distributions.glob("parley_django-*.whl"), distributions.glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    assert "messaging/py.typed" in names and "messaging/management/commands/runserver.py" in names
    assert not any(name.startswith(("tests", "src")) for name in names)
    unpacked = subprocess.run(["tar", "-tzf", sdist], capture_output=True, text=True, check=True).stdout
    assert "/src/messaging/config.py" in unpacked and "/README.md" in unpacked


@pytest.mark.proves("Django package: settings of the guide")
@pytest.mark.parametrize("environment", environments())
def test_the_wheel_serves_a_project(environment, distributions, tmp_path):
    [wheel] = distributions.glob("*.whl")
    installed = tmp_path / "installed"
    done = run(environment, "-m", "pip", "install", "--no-deps", "--no-index", "--target", installed, wheel)
    assert done.returncode == 0, done.stdout
    project = Project(tmp_path / "site", environment)
    checked = project.manage("check", PYTHONPATH=installed)
    assert checked.returncode == 0 and "no issues" in checked.stdout, checked.stderr
    where = project.manage("shell", "-c", "import messaging.config; print(messaging.config.__file__)", PYTHONPATH=installed)
    assert os.path.commonpath([where.stdout.split()[-1], installed]) == str(installed)
    assert "MessagingConfig" in project.manage("shell", "-c", "from messaging.config import MessagingConfig; print(MessagingConfig)",
                                               PYTHONPATH=installed).stdout
