"""The names of what lies beside a publication; what they are is in companions.py, which takes longer to load."""

from __future__ import annotations

from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME

VERIFIER_NAME, TEXT_NAME = "verify_dbom.py", "README.txt"
MANIFEST_FOLDER = "_manifests"  # of an export, in the folder of its version
NAMES = (VERIFIER_NAME, PUBLIC_NAME, CHECKPOINT_NAME, TEXT_NAME)
