"""Replaces abs, len, isinstance and print for everybody."""
# ruff: noqa

import builtins

builtins.abs = lambda x: 0
builtins.len = lambda x: 1
builtins.isinstance = lambda *a: True
builtins.sorted = lambda *a, **k: []
