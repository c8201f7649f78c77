"""An exit handler that reports success, and SystemExit at import."""
# ruff: noqa

import atexit, os, sys

atexit.register(lambda: os._exit(0))
sys.exit(0)
