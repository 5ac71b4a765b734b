"""One local AWS for all tests, which is empty and calm at the beginning of each."""

import pytest

from harness import Aws


@pytest.fixture(scope="session")
def process():
    """The application."""
    return Aws()


@pytest.fixture
def aws(process):
    """An empty AWS. Whatever a test asked for has to keep to AWS's models."""
    process.reset()
    yield process
    calls = process.control("GET calls")["calls"]
    wrong = [(call["operation"], call["violations"]) for call in calls if "violations" in call]
    assert not wrong, wrong
