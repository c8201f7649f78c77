"""The tree is RFC 6962's: published roots and proofs hold, and no proof leads anywhere but to its own root."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.errors import VerificationError
from green_logic.proof.merkle import (
    EMPTY_ROOT,
    CompactRange,
    check_consistency,
    check_inclusion,
    consistency_proof,
    fold,
    heights,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)

LARGEST = 257  # one more than a stored subtree
DATA = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "vectors"
# of the reference implementation of Certificate Transparency
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def subtrees(leaves):
    @cache
    def subtree(height, position):
        return fold(leaves[position << height : (position + 1) << height])

    return subtree


def by_definition(leaves):
    """RFC 6962, section 2.1, as it stands there."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(by_definition(leaves[:middle]), by_definition(leaves[middle:]))


LEAVES = [leaf_hash(b"%d" % number) for number in range(LARGEST)]
TREE = subtrees(LEAVES)
ROOT_OF = [by_definition(LEAVES[:size]) for size in range(LARGEST + 1)]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size):
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    assert tree_root(subtrees(leaves), size).hex() == ROOTS[size]


def test_every_root_is_the_one_by_definition_however_it_is_made():
    growing = CompactRange()
    assert growing.root() == EMPTY_ROOT == ROOT_OF[0]
    for size in range(1, LARGEST + 1):
        growing.append(LEAVES[size - 1])
        assert growing.root() == tree_root(TREE, size) == ROOT_OF[size]


def test_every_leaf_of_every_tree_has_a_proof():
    for size in range(1, LARGEST + 1):
        for index in range(size):
            check_inclusion(LEAVES[index], index, size, inclusion_proof(TREE, index, size), ROOT_OF[size])


def test_every_tree_is_shown_to_begin_with_every_smaller_one():
    for second in range(1, LARGEST + 1):
        for first in range(1, second + 1):
            proof = consistency_proof(TREE, first, second)
            check_consistency(first, second, proof, ROOT_OF[first], ROOT_OF[second])


SIZES = st.integers(1, LARGEST)


@given(size=SIZES, data=st.data())
def test_a_proof_holds_for_its_own_leaf_place_and_size_only(size, data):
    index = data.draw(st.integers(0, size - 1))
    other, larger = data.draw(st.integers(0, size)), data.draw(SIZES)
    proof = inclusion_proof(TREE, index, size)
    if other != index:
        with pytest.raises(VerificationError):
            check_inclusion(LEAVES[index], other, size, proof, ROOT_OF[size])
    if other % LARGEST != index:
        with pytest.raises(VerificationError):
            check_inclusion(LEAVES[other % LARGEST], index, size, proof, ROOT_OF[size])
    if larger != size:
        with pytest.raises(VerificationError):
            check_inclusion(LEAVES[index], index, size, proof, ROOT_OF[larger])


@given(first=SIZES, second=SIZES, data=st.data())
def test_no_damaged_proof_holds(first, second, data):
    first, second = sorted((first, second))
    proof = consistency_proof(TREE, first, second)
    damaged = data.draw(st.sampled_from(damage(proof)))
    with pytest.raises(VerificationError):
        check_consistency(first, second, damaged, ROOT_OF[first], ROOT_OF[second])
    index = first - 1
    proof = inclusion_proof(TREE, index, second)
    damaged = data.draw(st.sampled_from(damage(proof)))
    with pytest.raises(VerificationError):
        check_inclusion(LEAVES[index], index, second, damaged, ROOT_OF[second])


def damage(proof):
    longer = [[*proof, EMPTY_ROOT], [EMPTY_ROOT, *proof], [*proof, *proof, EMPTY_ROOT], [*proof, b""]]
    if not proof:
        return longer
    flipped = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
    short = [proof[0][:-1], *proof[1:]]
    return [*longer, proof[1:], proof[:-1], flipped, short]


@given(sizes=st.lists(st.integers(0, 5), max_size=6).map(lambda powers: sorted(powers, reverse=True)))
def test_ranges_can_be_put_together(sizes):
    whole, parts = CompactRange(), CompactRange()
    for power in sizes:
        piece = CompactRange()
        for _ in range(1 << power):
            piece.append(LEAVES[whole.size])
            whole.append(LEAVES[whole.size])
        parts.extend(piece)
    assert (parts.size, parts.root()) == (whole.size, whole.root())
    twin = parts.copy()
    twin.append(LEAVES[0])
    assert parts.root() == whole.root() != twin.root()


def test_a_subtree_that_does_not_fit_is_refused():
    tree = CompactRange()
    tree.append(LEAVES[0])
    with pytest.raises(ValueError, match="cannot follow"):
        tree.append(LEAVES[1], 1)
    assert (tree.size, tree.root()) == (1, LEAVES[0])


def test_sizes_out_of_range_are_refused():
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="expected a leaf"):
            inclusion_proof(TREE, index, size)
    for first, second in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="expected a size"):
            consistency_proof(TREE, first, second)


def test_heights_are_those_of_the_set_bits():
    assert list(heights(0b1011)) == [3, 1, 0]
    assert list(heights(0)) == []


def vectors(kind):
    return sorted((DATA / "merkle" / kind).rglob("*.json"))


@pytest.mark.skipif(not (DATA / "merkle").is_dir(), reason=f"no published vectors in {DATA}: GREEN_LOGIC_TEST_DATA")
@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_published_proofs_are_judged_as_published(kind):
    paths = vectors(kind)
    assert len(paths) == 98
    wrong = [
        path for path in paths if holds(kind, json.loads(path.read_text())) == json.loads(path.read_text())["wantErr"]
    ]
    assert wrong == []


def holds(kind, case):
    proof = [base64.b64decode(part) for part in case["proof"] or ()]
    value = {
        name: base64.b64decode(case[name] or "") for name in ("root", "root1", "root2", "leafHash") if name in case
    }
    try:
        if kind == "inclusion":
            check_inclusion(value["leafHash"], case["leafIdx"], case["treeSize"], proof, value["root"])
        else:
            check_consistency(case["size1"], case["size2"], proof, value["root1"], value["root2"])
    except VerificationError:
        return False
    return True
