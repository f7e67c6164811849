"""Set-up of all tests: `cases` and `accuracy` explain failed assertions as test files do; waiting threads sleep."""

import os

import pytest

# Tests ask for more threads than there may be cores, also while others use them. OpenMP's threads would spin for
# milliseconds at the end of every region, in which nobody else can run. It reads this when it is loaded, later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest.register_assert_rewrite("accuracy", "cases")
