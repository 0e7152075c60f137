"""Shared by all tests: one thread, deterministic Hypothesis, real data only where it is."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy or torch start their pools

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; skips where there is none."""
    folder = os.environ.get("DUALNET_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"DUALNET_DATA points nowhere ({folder!r}); set it to a folder that holds citeulike-a and the others")
    return Path(folder)
