"""The pair that the tests of this folder share."""

import pytest
from pair_trials import jowl_trial


@pytest.fixture(scope="session")
def trial():
    return jowl_trial()
