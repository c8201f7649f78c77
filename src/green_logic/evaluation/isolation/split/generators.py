"""Random generators that both sides draw from, as tests hand them over for repeatable results: their state as JSON.

Both sides have one of their own, so a draw costs nothing; its state goes over as the content of a list does.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from random import Random
from typing import Any

VERSION = 3  # of the Mersenne Twister's state
OWN_ATTRIBUTES = {"gauss_next"}


def is_plain_generator(value: Random) -> bool:
    """Whether its state is all there is; a test may have put something in the place of a method."""
    return vars(value).keys() <= OWN_ATTRIBUTES


def take_state(value: Random) -> list[Any]:
    """JSON for the state."""
    _, words, gauss = value.getstate()
    return [b64encode(array("I", words)).decode(), gauss]


def make_generator(data: Any) -> Random:
    """A generator in the state that `take_state` wrote. Raises what MALFORMED names for anything else."""
    text, gauss = data
    if gauss is not None and type(gauss) is not float:
        raise TypeError("expected a number that was drawn too early, or none")
    words = array("I", b64decode(text))
    value = Random()  # noqa: S311  not for secrets
    value.setstate((VERSION, tuple(words), gauss))
    return value
