"""Makes the files beside it anew: `python tests/vectors/make_vectors.py`. The same script gives the same bytes.

Each file lies in `KIND/WHAT-IS-WRONG/`, where KIND is the kind of the finding that a verifier must give ("good" for
none), so that other verifiers can be run against them too. The key is made from a sentence: trust nothing signed by it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from green_logic.proof.checkpoint import sign_checkpoint
from green_logic.proof.dbom import seal_result
from green_logic.proof.envelope import seal
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.proof.merkle import CompactRange, fold, inclusion_proof, leaf_hash, tree_root
from green_logic.proof.receipt import write_receipt
from green_logic.publish.archive_files import Position
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.pack import Layout, compress_block, sums_text
from green_logic.publish.tarblocks import END, Member, tar_blocks

HERE = Path(__file__).parent
ORIGIN = "green-agent/vectors"
NAME = "dbom_vector-1.json"
LEAVES, INDEX = 7, 5
ARCHIVE = "dboms-000000000000-000000000002"
TIME = "2026-01-31T12:00:00.000000Z"


def main() -> None:
    for folder in HERE.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    key, other = _key(b"test judge key - never use"), _key(b"somebody else")
    (HERE / "judge.pub").write_bytes(key.public_pem)
    sealed = _seal("vector-1", key)
    good = json.loads(sealed.dbom_bytes())
    _write_dboms(good, key, other)
    _write_damaged(sealed.dbom_bytes(), good)
    _write_receipts(sealed.envelope, key, other)
    _write_archives(key)


def _key(seed: bytes) -> SigningKey:
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
    return SigningKey(private, find_keyid(private.public_key()))


def _seal(battle_id: str, key: SigningKey):
    result = {
        "battle_id": battle_id,
        "evaluation": {"cis_score": 0.61, "breakdown": "", "intent_vector": [0.5, -0.25, 0.125, 2e-9] * 96},
        "purple_response": {"sourceCode": "def answer():\n    return 42\n"},
    }
    return seal_result(result, key=key, origin=ORIGIN, timestamp=TIME)


def _put(place: str, name: str, data: bytes) -> None:
    path = HERE / place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _dump(dbom) -> bytes:
    return json.dumps(dbom).encode()


def _envelope(good, **changes) -> str:
    return json.dumps({**json.loads(good["sigma_judge"]), **changes})


def _write_dboms(good, key: SigningKey, other: SigningKey) -> None:
    """Every field changed outside the seal, and seals that are not what they must be."""
    payload = json.loads(base64.b64decode(json.loads(good["sigma_judge"])["payload"]))
    vector = good["v_intent"]
    for place, changes in {
        "good/as-it-is": {},
        "good/extra-field": {"note": "not signed, and nobody's business"},
        "good/negative-zero-and-integers-are-the-same-numbers": {"v_intent": vector},
        "score_cis/raised": {"score_cis": 0.99},
        "score_cis/text": {"score_cis": "0.61"},
        "score_cis/true": {"score_cis": True},
        "h_delta/of-another-result": {"h_delta": "0" * 64},
        "h_delta/upper-case": {"h_delta": good["h_delta"].upper()},
        "v_intent/one-number-changed": {"v_intent": [0.5000000001, *vector[1:]]},
        "v_intent/383-numbers": {"v_intent": vector[1:]},
        "v_intent/text-among-numbers": {"v_intent": ["0.5", *vector[1:]]},
        "timestamp/later": {"timestamp": "2026-02-01T12:00:00.000000Z"},
        "legacy-unsigned/version-1.0": {"dbom_version": "1.0", "sigma_judge": "SIG_GREEN_vector-1_00000000"},
        "schema/version-1.2": {"dbom_version": "1.2"},
        "schema/seal-is-an-object": {"sigma_judge": json.loads(good["sigma_judge"])},
        "schema/id-leaves-the-folder": {"battle_id": "../vector-1"},
        "schema/id-ends-in-a-newline": {"battle_id": "vector-1\n"},
        "envelope/payload-type": {"sigma_judge": _envelope(good, payloadType="application/json")},
        "envelope/no-signatures": {"sigma_judge": _envelope(good, signatures=[])},
        "envelope/payload-is-not-base64": {"sigma_judge": _envelope(good, payload="not base64!")},
        "signature/payload-changed": {"sigma_judge": _envelope(good, payload=base64.b64encode(b"{}").decode())},
        "signature/all-zero": {"sigma_judge": _envelope(good, signatures=[_signature(key, bytes(64))])},
        "signature/one-byte-short": {"sigma_judge": _envelope(good, signatures=[_signature(key, bytes(63))])},
        "signature/s-beyond-the-group-order": {"sigma_judge": _envelope(good, signatures=[_malleable(good, key)])},
        "unknown-key/another-judge": {"sigma_judge": seal(json.dumps(payload).encode(), other)},
        "statement/of-another-type": {"sigma_judge": seal(json.dumps({**payload, "_type": "x"}).encode(), key)},
        "statement/a-list": {"sigma_judge": seal(b"[]", key)},
        "statement/another-predicate": {
            "sigma_judge": seal(json.dumps({**payload, "predicateType": "x"}).encode(), key)
        },
        "battle_id/seal-of-another-battle": {"sigma_judge": _seal("vector-2", key).envelope},
    }.items():
        _put(place, NAME, _dump({**good, **changes}))
    _put("file-name/under-another-name", "dbom_vector-2.json", _dump(good))
    integers = [0 if number == 2e-9 else number for number in vector]
    zero = _seal_with(integers, key)
    zero["v_intent"] = [-0.0 if number == 0 else number for number in zero["v_intent"]]
    _put("good/negative-zero-and-integers-are-the-same-numbers", NAME, _dump(zero))


def _seal_with(vector, key: SigningKey):
    result = {"battle_id": "vector-1", "cis_score": 1, "evaluation": {"cis_score": 1, "intent_vector": vector}}
    return json.loads(seal_result(result, key=key, origin=ORIGIN, timestamp=TIME).dbom_bytes())


def _signature(key: SigningKey, signature: bytes):
    return {"keyid": key.keyid, "sig": base64.b64encode(signature).decode()}


def _malleable(good, key: SigningKey):
    """The signature with the group's order added to s: good to a verifier that forgets to compare."""
    signature = base64.b64decode(json.loads(good["sigma_judge"])["signatures"][0]["sig"])
    s = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    return _signature(key, signature[:32] + s.to_bytes(32, "little"))


def _write_damaged(data: bytes, good) -> None:
    """What is no JSON, or JSON that two readers read differently."""
    for place, damaged in {
        "schema/empty": b"",
        "schema/cut": data[:-20],
        "schema/trailing-bytes": data + b"x",
        "schema/byte-order-mark": b"\xef\xbb\xbf" + data,
        "schema/not-utf-8": data.replace(b"vector-1", b"vector\xff1", 1),
        "schema/duplicate-key": data.replace(b'{"dbom_version"', b'{"score_cis":0.99,"dbom_version"', 1),
        "schema/nan": data.replace(b'"score_cis":0.61', b'"score_cis":NaN', 1),
        "schema/number-beyond-a-double": data.replace(b'"score_cis":0.61', b'"score_cis":1e999', 1),
        "schema/integer-beyond-64-bits": data.replace(b'"score_cis":0.61', b'"score_cis":1%b' % (b"0" * 40), 1),
        "schema/a-list": _dump([good]),
        "schema/no-vector": _dump({name: value for name, value in good.items() if name != "v_intent"}),
        "good/printed-by-another-tool": json.dumps(good, indent=4, sort_keys=True).encode(),
    }.items():
        _put(place, NAME, damaged)


def _write_receipts(envelope: str, key: SigningKey, other: SigningKey) -> None:
    """Receipts and checkpoints."""
    entries = [f"leaf {number}" for number in range(LEAVES)]
    entries[INDEX] = envelope
    leaves = [leaf_hash(entry.encode()) for entry in entries]

    def subtree(height: int, position: int) -> bytes:
        return fold(leaves[position << height : (position + 1) << height])

    proof, root = inclusion_proof(subtree, INDEX, LEAVES), tree_root(subtree, LEAVES)
    checkpoint = sign_checkpoint(ORIGIN, LEAVES, root, key)
    foreign = sign_checkpoint("green-agent/other", LEAVES, root, key)
    good = write_receipt(envelope, INDEX, proof, checkpoint)
    for place, data in {
        "good/receipt": good,
        "inclusion/another-index": write_receipt(envelope, INDEX - 1, proof, checkpoint),
        "inclusion/index-beyond-the-tree": write_receipt(envelope, LEAVES, proof, checkpoint),
        "inclusion/proof-too-short": write_receipt(envelope, INDEX, proof[:-1], checkpoint),
        "inclusion/proof-too-long": write_receipt(envelope, INDEX, [*proof, root], checkpoint),
        "inclusion/another-leaf": write_receipt(envelope + " ", INDEX, proof, checkpoint),
        "ledger/checkpoint-of-another-log": write_receipt(envelope, INDEX, proof, foreign),
        "unknown-key/checkpoint-by-another-judge": write_receipt(
            envelope, INDEX, proof, sign_checkpoint(ORIGIN, LEAVES, root, other)
        ),
        "signature/checkpoint-size-changed": good.replace(b"\n7\n", b"\n8\n"),
        "receipt/index-with-a-leading-zero": good.replace(b"index 5", b"index 05"),
        "receipt/no-checkpoint": good.split(b"\n\n")[0],
        "note/base64-with-stray-bits": _stray_bits(good),
        "note/no-newline-at-the-end": good[:-1],
    }.items():
        _put(place, "vector-1.tlog-proof", data)
    note = checkpoint.note.encode()
    _put("good/checkpoint", "checkpoint", note)
    _put("signature/root-changed", "checkpoint", note.replace(note.split(b"\n")[2], base64.b64encode(bytes(32))))
    _put("note/size-with-a-leading-zero", "checkpoint", note.replace(b"\n7\n", b"\n07\n"))
    _put(
        "unknown-key/another-name-in-the-signature", "checkpoint", note.replace(b"\x94 green-agent", b"\x94 grey-agent")
    )


def _stray_bits(receipt: bytes) -> bytes:
    """A hash whose last base64 character has bits set that mean nothing."""
    lines = receipt.split(b"\n")
    last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = last.index(lines[3][-2:-1])
    lines[3] = lines[3][:-2] + last[at + 1 : at + 2] + b"="
    return b"\n".join(lines)


def _write_archives(key: SigningKey) -> None:
    """Archives of three battles, the log's first, whose manifest fits unless the folder says otherwise.

    Deflate's output depends on the zlib: another version writes other bytes around the same content.
    """
    sealed = [_seal(f"vector-{number}", key) for number in (1, 2, 3)]
    members = [Member(one.file_name, one.dbom_bytes(), 1769860800) for one in sealed]
    leaves = [leaf_hash(one.envelope.encode()) for one in sealed]
    sums = sums_text((one.name, hashlib.sha256(one.data).hexdigest()) for one in members)
    tar = b"".join(map(tar_blocks, members))
    end = tar_blocks(Member("SHA256SUMS", sums, 1769860800)) + END
    raised = tar.replace(b'"score_cis":0.61', b'"score_cis":0.99', 1)
    hidden = tar[:500] + b"hidden!" + tar[507:]
    for place, blocks, changes in (
        ("good/archive", [tar, end], {}),
        ("good/archive-of-two-blocks", [tar[: len(tar) // 3], tar[len(tar) // 3 :], end], {}),
        ("archive/a-member-is-missing", [tar[len(tar) // 3 :], end], {}),
        ("archive/a-member-twice", [tar + tar[: len(tar) // 3], end], {}),
        ("archive/bytes-in-a-header", [hidden, end], {}),
        ("archive/bytes-behind-the-end", [tar, end + bytes(512)], {}),
        ("archive/an-empty-block", [tar, b"", end], {}),
        ("archive/score-raised-and-not-in-the-list", [raised, end], {}),
        ("archive/root-of-another-log", [tar, end], {"root": base64.b64encode(bytes(32)).decode()}),
        ("archive/digest-of-another-file", [tar, end], {"sha256": "0" * 64}),
        ("archive/one-more-is-promised", [tar, end], {"dboms": 4}),
        ("ledger/archive-of-another-ledger", [tar, end], {"origin": "green-agent/other"}),
    ):
        packed = [compress_block(block) for block in blocks]
        _put_archive(
            place,
            packed,
            sums,
            leaves,
            {"dbom_bytes": sum(len(one.data) for one in members), "keyid": key.keyid, **changes},
        )


def _put_archive(place: str, packed: list[bytes], sums: bytes, leaves: list[bytes], changes) -> None:
    log = CompactRange()
    for leaf in leaves:
        log.append(leaf)
    data = b"".join(packed)
    places = (0, 1, 1) if len(packed) == 3 and place.startswith("good") else (0, 0, 0)
    layout = Layout(tuple(map(len, packed)), places)
    stated = {
        "schema": "green-logic/archive/1",
        "file": f"{ARCHIVE}.tar.gz",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "sums_sha256": hashlib.sha256(sums).hexdigest(),
        "dboms": 3,
        "first_leaf": 0,
        "last_leaf": 2,
        "ledger_size": 3,
        "origin": ORIGIN,
        "zlib_level": 9,
        "zlib_version": "1.2.13",
        **Position(layout, (), log.root()).as_json(),
        **changes,
    }
    _put(place, f"{ARCHIVE}.tar.gz", data)
    _put(place, f"{ARCHIVE}.json", inventory_bytes(stated))


if __name__ == "__main__":
    main()
