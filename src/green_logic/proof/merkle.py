"""The Merkle tree of RFC 6962, section 2: one 32-byte root commits to a list of leaves and their order.

A perfect subtree is named by its height and position: (0, 7) is the eighth leaf, (3, 2) the hash over leaves 16 to 23.
Roots and proofs are made from such subtrees alone, so whoever stores some of them reads few. Proofs are checked by the
algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from green_logic.errors import VerificationError

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_SIZE = 32  # bytes of SHA-256
Subtree = Callable[[int, int], bytes]  # (height, position) -> hash of that perfect subtree


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node; the prefix keeps a node from passing for a leaf."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a perfect subtree over a power of two of equally high ones."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


class CompactRange:
    """The roots of the perfect subtrees that make up the first `size` leaves, largest first: at most 64 hashes.

    Enough to go on appending and to tell the root at any moment, in constant memory.
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, subtree: bytes, height: int = 0) -> None:
        """Add the next leaf, or the next perfect subtree; `size` must be a multiple of its width."""
        if self.size & ((1 << height) - 1):
            raise ValueError(f"a subtree of height {height} cannot follow {self.size} leaves")
        position = self.size >> height
        while position & 1:
            subtree = node_hash(self._peaks.pop(), subtree)
            position >>= 1
        self._peaks.append(subtree)
        self.size += 1 << height

    def extend(self, other: CompactRange) -> None:
        """Append all of `other`, whose subtrees must fit behind this one."""
        for height, peak in zip(heights(other.size), other._peaks, strict=True):
            self.append(peak, height)

    def copy(self) -> CompactRange:
        """An independent copy."""
        twin = CompactRange()
        twin.size, twin._peaks = self.size, list(self._peaks)
        return twin

    def peaks(self) -> tuple[bytes, ...]:
        """The roots of its perfect subtrees, largest first."""
        return tuple(self._peaks)

    @staticmethod
    def resume(size: int, peaks: Sequence[bytes]) -> CompactRange:
        """The range of the first `size` leaves by its peaks. Raises ValueError when there are more or fewer of them."""
        if len(peaks) != size.bit_count():
            raise ValueError(f"expected {size.bit_count()} subtrees for {size} leaves, got {len(peaks)}")
        found = CompactRange()
        found.size, found._peaks = size, list(peaks)
        return found

    def root(self) -> bytes:
        """Root of the tree so far."""
        return _bag(self._peaks)


def heights(size: int) -> Iterator[int]:
    """Heights of the perfect subtrees that make up the first `size` leaves, largest first."""
    return (height for height in reversed(range(size.bit_length())) if size >> height & 1)


def tree_root(subtree: Subtree, size: int) -> bytes:
    """Root of the first `size` leaves."""
    return _range_root(subtree, 0, size)


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Proof that leaf `index` is among the first `size`: the sibling hashes, lowest first. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"expected a leaf from 0 to {size - 1}, got {index}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_root(subtree, middle, high))
            high = middle
        else:
            proof.append(_range_root(subtree, low, middle))
            low = middle
    return proof[::-1]


def consistency_proof(subtree: Subtree, first: int, second: int) -> list[bytes]:
    """Proof that the first `second` leaves begin with the first `first`. Raises ValueError."""
    if not 0 < first <= second:
        raise ValueError(f"expected a size from 1 to {second}, got {first}")
    proof: list[bytes] = []
    low, high, whole = 0, second, True
    while high != first:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(_range_root(subtree, middle, high))
            high = middle
        else:
            proof.append(_range_root(subtree, low, middle))
            low, whole = middle, False
    if not whole:
        proof.append(_range_root(subtree, low, high))
    return proof[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to. Raises VerificationError for a proof of the wrong shape."""
    if not 0 <= index < size or any(len(part) != HASH_SIZE for part in (leaf, *proof)):
        raise VerificationError("the inclusion proof is malformed", kind="inclusion")
    node, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise VerificationError("the inclusion proof is too long", kind="inclusion")
        if node & 1 or node == last:
            found = node_hash(part, found)
            node, last = _skip_right_edge(node, last)
        else:
            found = node_hash(found, part)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError("the inclusion proof is too short", kind="inclusion")
    return found


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises VerificationError unless `proof` shows leaf hash `leaf` at `index` of the tree with `size` and `root`."""
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise VerificationError("the inclusion proof leads to another root", kind="inclusion")


def check_consistency(first: int, second: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Raises VerificationError unless `proof` shows that the tree (first, root1) is the start of (second, root2)."""
    if not 0 < first <= second or any(len(part) != HASH_SIZE for part in proof):
        raise VerificationError("the consistency proof is malformed", kind="consistency")
    if first == second:
        if proof or root1 != root2:
            raise VerificationError("two trees of one size differ", kind="consistency")
        return
    # when the first tree is one perfect subtree of the second, the proof leaves its root out
    parts = [root1, *proof] if first & (first - 1) == 0 else list(proof)
    if not parts:
        raise VerificationError("the consistency proof is empty", kind="consistency")
    if _roots_from_consistency(first, second, parts) != (root1, root2):
        raise VerificationError("the consistency proof leads to other roots", kind="consistency")


def _roots_from_consistency(first: int, second: int, parts: Sequence[bytes]) -> tuple[bytes, bytes]:
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = parts[0]
    for part in parts[1:]:
        if last == 0:
            raise VerificationError("the consistency proof is too long", kind="consistency")
        if node & 1 or node == last:
            old, new = node_hash(part, old), node_hash(part, new)
            node, last = _skip_right_edge(node, last)
        else:
            new = node_hash(new, part)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError("the consistency proof is too short", kind="consistency")
    return old, new


def _skip_right_edge(node: int, last: int) -> tuple[int, int]:
    # on the right edge a node without a sibling is its parent
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def subtree_roots(subtree: Subtree, size: int) -> list[bytes]:
    """Roots of the perfect subtrees that make up the first `size` leaves, largest first: what `resume` goes on from."""
    return _peaks(subtree, 0, size)


def _range_root(subtree: Subtree, low: int, high: int) -> bytes:
    """Hash over leaves low to high - 1, where `low` is a multiple of the largest subtree that fits."""
    return _bag(_peaks(subtree, low, high))


def _peaks(subtree: Subtree, low: int, high: int) -> list[bytes]:
    peaks = []
    for height in heights(high - low):
        peaks.append(subtree(height, low >> height))
        low += 1 << height
    return peaks


def _bag(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
