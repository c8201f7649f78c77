"""Raises pytest's own skip at import."""
# ruff: noqa

import pytest

pytest.skip("not today", allow_module_level=True)
