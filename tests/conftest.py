"""Set-up of all tests: `cases` explains its failed assertions as test files do."""

import pytest

pytest.register_assert_rewrite("cases")
