"""The judge of an AI-agent benchmark and the keeper of its books."""

__version__ = "0.1.0"
