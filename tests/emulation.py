"""The mark of tests that only the emulated device can take."""

import pytest

from thalweg import _targets

needs_emulation = pytest.mark.skipif(
    "cuda_emulated" not in _targets.available(),
    reason="only the emulated device can be told to fail, and how large its teams are",
)
