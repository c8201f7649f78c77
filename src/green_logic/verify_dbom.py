#!/usr/bin/env python3
"""Check what a green-logic judge published: python3 verify_dbom.py [--key judge.pub] [FILE or FOLDER ...]

A file: a DBOM, a receipt, a checkpoint, an archive (dboms-….tar.gz), the manifest of a Parquet export. A folder: what
it has of these; without any, the folder of this script. It needs Python 3.10 and nothing else, no network, no ledger;
its verdicts are those of `green-logic verify`. It reads downwards: signatures (RFC 8032), keys, JSON, seals (DSSE,
in-toto), DBOMs, notes and receipts (C2SP, RFC 6962), archives, exports; few empty lines make it few pages.
"""

# fmt: off
from __future__ import annotations

import argparse
import base64
import concurrent.futures
import functools
import hashlib
import itertools
import json
import mmap
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

Keys = dict[str, bytes]  # key id -> 32 bytes
Point = tuple[int, int, int, int]
Notes = list[tuple[str, bytes]]  # checkpoints to hold archives against, and where each is from
SIZE_LIMIT, ENVELOPE_LIMIT, BLOCK_LIMIT = 4 << 20, 1 << 20, 16 << 20  # bytes of a file, a seal, an unpacked block
PAYLOAD_TYPE = "application/vnd.in-toto+json"
TYPES = ("https://in-toto.io/Statement/v1", "urn:uuid:af5d9567-96bc-4460-b314-ca8e580097db#green-agent/dbom/v1")
CLAIM_KINDS = [*["statement"] * 2, *["battle_id"] * 2, "h_delta", "score_cis", "timestamp", "dbom_version", "v_intent"]
BATTLE_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ARCHIVE = re.compile(r"dboms-\d{12}-\d{12}\.(tar\.gz|json)")
FIELDS = ("dbom_version", "battle_id", "h_delta", "v_intent", "score_cis", "sigma_judge", "timestamp")
class Bad(Exception):  # noqa: N818  reads as a verdict
    """What is not as the judge sealed it: its kind, as `green-logic verify --json` has it, and a sentence."""
def need(good: object, kind: str, message: str) -> None:
    if not good:
        raise Bad(kind, message)
def verdict(check: Any, *arguments: Any) -> tuple[str, Any]:
    """Kind and sentence of what is wrong (of an archive or export also: a part is missing); or none, and what it is."""
    try:
        return "", check(*arguments)
    except (Bad, LookupError, TypeError, ValueError, AttributeError, FileNotFoundError, struct.error) as error:
        return error.args if isinstance(error, Bad) else (check.__name__[6:], f"it is not whole: {error!r}")
def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
def digest_of(path: Path) -> str:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return hashlib.sha256(data).hexdigest()
def small(path: Path) -> bytes:  # nothing of what is too long, or a pipe that somebody would wait for
    return path.read_bytes() if path.is_file() and path.stat().st_size <= BLOCK_LIMIT else b""
def json_text(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()

# --- Ed25519 (RFC 8032), points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z
ED25519_DER, SSH_PREFIX = bytes.fromhex("302a300506032b6570032100"), b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
def ed_add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)
@functools.lru_cache(maxsize=64)
def ed_decode(data: bytes) -> Point | None:
    """The point that 32 bytes encode, None when they encode none."""
    sign, y = divmod(int.from_bytes(data, "little"), 1 << 255)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x if v * x * x % P == u else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or v * x * x % P != u or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)
@functools.lru_cache(maxsize=64)
def ed_table(point: Point) -> list[list[Point]]:
    """For each hex digit of a factor, the lowest first: what 0 to 15 there add to the point times that factor."""
    rows: list[list[Point]] = []
    for _ in range(64):
        rows.append(list(itertools.accumulate([point] * 15, ed_add, initial=(0, 1, 1, 0))))
        point = ed_add(rows[-1][-1], point)
    return rows
BASE = ed_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)
def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether 64 bytes of `signature` over `message` are good under the 32 bytes of `public`."""
    point, s = ed_decode(public), int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or s >= L:  # a larger s: the same signature in another form
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    found: Point = (0, 1, 1, 0)
    for factor, base in ((s, BASE), (h, (P - point[0], point[1], 1, P - point[3]))):  # s times B minus h times A
        for place, row in enumerate(ed_table(base)):
            found = ed_add(found, row[factor >> 4 * place & 15])
    x, y = (part * pow(found[2], P - 2, P) % P for part in found[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
def load_keys(data: bytes) -> Keys:
    """The 32 bytes of every key in a file, PEM or OpenSSH, by its OpenSSH fingerprint. Raises ValueError."""
    pem = re.findall(rb"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", data, re.DOTALL)
    texts = [(ED25519_DER, b"".join(block.split())) for block in pem]
    texts += [(SSH_PREFIX, line.split()[1]) for line in data.splitlines() if line.startswith((b"ssh-", b"ecdsa-"))]
    keys: Keys = {}
    for prefix, text in texts:
        encoded = base64.b64decode(text, validate=True)
        raw = encoded[len(prefix) :]
        if not encoded.startswith(prefix) or ed_decode(raw) is None:
            raise ValueError("expected an Ed25519 key; for ECDSA use `green-logic verify`")
        keys["SHA256:" + base64_of(sha256(SSH_PREFIX, raw)).rstrip("=")] = raw
    if not keys:
        raise ValueError("expected an Ed25519 public key, PEM or OpenSSH")
    return keys
# --- JSON and base64 that no two readers can read differently
def parse_json(data: bytes, kind: str, limit: int = SIZE_LIMIT) -> Any:
    """JSON without duplicate keys, NaN, and numbers that tools read differently. Raises Bad of `kind`."""
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(pairs)) == len(pairs), kind, "duplicate key")
        return dict(pairs)
    def number(text: str) -> Any:
        value = int(text) if text.lstrip("-").isdigit() else float(text)
        need(-(1 << 63) <= value < 1 << 64 if type(value) is int else value - value == 0, kind, "number out of range")
        return value
    need(len(data) <= limit, kind, "too long")
    try:
        hooks: Any = dict.fromkeys(("parse_constant", "parse_float", "parse_int"), number)
        return json.loads(data.decode("utf-8"), object_pairs_hook=object_of, **hooks)
    except (ValueError, RecursionError) as error:
        raise Bad(kind, f"not JSON: {error}") from error
def exact_base64(text: Any, kind: str = "note", *, dsse: bool = False) -> bytes:
    """Base64 in its one form; in a DSSE envelope the protocol allows the URL-safe alphabet and stray bits too."""
    try:
        data = base64.b64decode((text.translate({45: 43, 95: 47}) if dsse else text).encode("ascii"), validate=True)
    except (ValueError, AttributeError) as error:
        raise Bad(kind, "expected base64") from error
    need(dsse or base64_of(data) == text, kind, "expected canonical base64")
    return data

# --- the seal, a DSSE envelope around an in-toto Statement, and the DBOM, seven fields, each as it was signed
def open_envelope(text: str, keys: Keys) -> Any:
    """The statement inside, once a trusted key's signature over its exact bytes is good."""
    envelope = parse_json(text.encode("utf-8", "surrogatepass"), "envelope", ENVELOPE_LIMIT)
    need(isinstance(envelope, dict) and envelope.get("payloadType") == PAYLOAD_TYPE, "envelope", "no DSSE envelope")
    payload, signatures = exact_base64(envelope.get("payload"), "envelope", dsse=True), envelope.get("signatures")
    need(isinstance(signatures, list) and 1 <= len(signatures) <= 8, "envelope", "expected 1 to 8 signatures")
    for signature in signatures:
        need(isinstance(signature, dict), "envelope", "expected a signature to be an object")
        keyid = signature.get("keyid")
        if isinstance(keyid, str) and keyid in keys:
            signed = exact_base64(signature.get("sig"), "envelope", dsse=True)
            whole = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload
            need(ed25519_verify(keys[keyid], signed, whole), "signature", "the signature does not verify")
            return parse_json(payload, "envelope", ENVELOPE_LIMIT)
    raise Bad("unknown-key", "no signature is by a trusted key")
def read_claims(statement: Any) -> list[Any]:
    """What is signed about a battle, in the order of CLAIM_KINDS, and last the ledger."""
    try:
        subject, said = statement["subject"][0], statement["predicate"]
        return [statement["_type"], statement["predicateType"], subject["name"], said["battleId"],
                subject["digest"]["sha256"], said["scoreCis"], said["judgedAt"], said["dbomVersion"],
                said["vIntent"]["digest"]["sha256"], said.get("ledger")]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Bad("statement", "the signed statement is not a DBOM's") from error
def check_dbom(data: bytes, keys: Keys, name: str, origin: str | None = None) -> str:
    """What a DBOM says, in one line."""
    dbom = parse_json(data, "schema")
    need(isinstance(dbom, dict) and dbom.keys() >= {*FIELDS}, "schema", f"expected the fields {', '.join(FIELDS)}")
    version, battle_id, h_delta, vector, score, seal, timestamp = (dbom[field] for field in FIELDS)
    need(isinstance(battle_id, str) and BATTLE_ID.fullmatch(battle_id), "schema", "expected a battle_id")
    need(isinstance(h_delta, str) and re.fullmatch(r"[0-9a-f]{64}", h_delta), "h_delta", "expected 64 hex digits")
    need(type(score) in (int, float), "score_cis", "expected a number")
    need(name == f"dbom_{battle_id}.json", "file-name", f"{name} holds the DBOM of {battle_id}")
    need(version != "1.0", "legacy-unsigned", f"{battle_id}: a DBOM 1.0 carries no signature")
    need(version == "1.1" and isinstance(seal, str), "schema", "expected dbom_version 1.1 with a sigma_judge")
    *claims, ledger = read_claims(open_envelope(seal, keys))
    need(type(vector) is list and len(vector) == 384 and {*map(type, vector)} <= {int, float}, "v_intent", "no vector")
    # over little-endian doubles, -0 as +0: the same however a tool prints the numbers
    digest = sha256(struct.pack("<384d", *(float(x) + 0.0 for x in vector))).hex()
    outer = (*TYPES, battle_id, battle_id, h_delta, score, timestamp, version, digest)
    for kind, signed, found in zip(CLAIM_KINDS, claims, outer, strict=True):
        need(type(signed) is not bool and signed == found, kind, f"{battle_id}: {kind} is not what the judge signed")
    need(origin in (None, ledger), "ledger", f"{battle_id}: sealed for another ledger")
    return f"{battle_id} scored {score} at {timestamp}"

# --- checkpoints (signed notes with size and root of the log) and receipts (a leaf, its way up, and a checkpoint)
NOTE = re.compile("(([!-*,-~]{1,255})\n(0|[1-9][0-9]{0,17})\n(.+)\n(?:.*\n)*)\n((?:\u2014 [^ +\n]+ .+\n){1,16})")
RECEIPT = re.compile(rb".+\nextra ([\0-\t\v-\x7f]*)\nindex (0|[1-9]\d{0,17})((?:\n[\0-\t\v-\x7f]+)*)\n\n((?s:.*))")
NOT_UTF8, CONTROL = re.compile("[\ud800-\udfff]"), re.compile("[\0-\x09\x0b-\x1f\ud800-\udfff]")
def open_checkpoint(note: bytes, keys: Keys) -> tuple[str, int, bytes]:
    """Origin, size and root, once every line of a trusted key is good and there is one."""
    whole = note.decode("utf-8", "surrogateescape") if len(note) <= 1 << 16 else ""
    found: Any = None if CONTROL.search(whole) else NOTE.fullmatch(whole)
    need(found, "note", "expected a checkpoint: origin, size and root, an empty line and signature lines")
    text, origin, size, root, tail = found.groups()
    lines = [(name, exact_base64(line)) for name, line in re.findall("\u2014 ([^ ]+) ([^\n]+)\n", tail)]
    need(len(exact_base64(root)) == 32 and all(len(line) > 4 for _, line in lines), "note", "a hash or line is cut")
    known = {sha256(origin.encode(), b"\n\x01", key)[:4]: key for key in keys.values()}
    mine = [line for name, line in lines if name == origin and line[:4] in known]
    need(mine, "unknown-key", "no signature of the note is by a trusted key")
    good = all(ed25519_verify(known[line[:4]], line[4:], text.encode()) for line in mine)
    need(good, "signature", "the signature does not verify")
    return origin, int(size), exact_base64(root)
def climb(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root over `size` leaves, by one of them and the hashes beside its way up, the last one next to the root."""
    need((size > 1) == bool(proof), "inclusion", "the inclusion proof is too long or too short")
    left = 1 << (size - 1).bit_length() - 1 if size > 1 else 0
    if size > 1 and index < left:
        return sha256(b"\x01", climb(leaf, index, left, proof[:-1]), proof[-1])
    return sha256(b"\x01", proof[-1], climb(leaf, index - left, size - left, proof[:-1])) if size > 1 else leaf
def check_receipt(data: bytes, keys: Keys) -> str:
    """What a receipt shows, in one line."""
    found: Any = RECEIPT.fullmatch(data) if len(data) <= ENVELOPE_LIMIT else None
    need(found, "receipt", "expected a receipt: header, extra, index, proof, checkpoint")
    index, proof = int(found[2]), [exact_base64(line) for line in found[3].decode().split("\n")[1:]]
    need(len(proof) <= 63 and {*map(len, proof)} <= {32}, "receipt", "expected a proof of at most 63 hashes")
    envelope = exact_base64(found[1].decode()).decode("utf-8", "surrogateescape")
    need(not NOT_UTF8.search(envelope), "receipt", "its envelope is not UTF-8")
    origin, size, root = open_checkpoint(found[4], keys)
    found_root = climb(sha256(b"\0", envelope.encode()), index, size, proof) if index < size else b""
    need(found_root == root, "inclusion", "the inclusion proof does not lead to the root")
    claims = read_claims(open_envelope(envelope, keys))
    kind, predicate, subject, battle_id, _, score, timestamp, version, _, ledger = claims
    need({*map(type, (*claims[:5], *claims[6:]))} == {str} and type(score) in (int, float), "statement", "wrong types")
    need((kind, predicate, version, subject) == (*TYPES, "1.1", battle_id), "statement", "not that of a DBOM 1.1")
    need(ledger == origin, "ledger", "the battle was sealed for another log")
    return f"{battle_id} scored {score} at {timestamp}, leaf {index} of {size} on {origin}"

# --- archives: blocks (gzip members) of whole tar members; where they are, and where in the log, is in the manifest
def tar_member(name: bytes, data: bytes, when: int, kind: bytes = b"0") -> bytes:
    """A member in the one form in which the archiver writes it; one with a long name has another before it."""
    before = tar_member(b"././@LongLink", name + b"\0", 0, b"L") if len(name) > 100 else b""
    head = name[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    head += b"%011o\0%011o\0" % (len(data), max(0, when))
    tail = (kind + bytes(100) + b"ustar  \0").ljust(356, b"\0")
    return before + head + b"%06o\0 " % (sum(head + tail) + 8 * 32) + tail + data + bytes(-len(data) % 512)
def read_block(path: Path, at: int, size: int, end: bytes = b"") -> list[tuple[str, bytes]]:
    """Names and contents in a block, which is one gzip member of canonical tar members and `end`, and nothing else."""
    need(type(size) is int and 0 < size <= 2 * BLOCK_LIMIT, "archive", "its manifest has no sizes of blocks")
    with path.open("rb") as file:
        file.seek(at)
        data = file.read(size)
    odd, place, found = f"the block at byte {at} is not ours", 0, list[tuple[str, bytes]]()
    try:
        inflate = zlib.decompressobj(31)
        tar = inflate.decompress(data, BLOCK_LIMIT + 1)  # what is longer is never unpacked
        one = inflate.eof and not inflate.unused_data and data.startswith(b"\x1f\x8b\x08\0\0\0\0\0\x02\xff")
        need(one and 0 < len(tar) <= BLOCK_LIMIT and tar.endswith(end), "archive", odd)
        while place != len(tar) - len(end):  # not by `tarfile`, which knows more kinds of members than we write
            name, head = tar[place : place + 100].rstrip(b"\0"), place
            if tar[place + 156 : place + 157] == b"L":
                length = int(tar[place + 124 : place + 135], 8)
                name, head = tar[place + 512 : place + 511 + length], place + 512 + length + -length % 512
            length, when = int(tar[head + 124 : head + 135], 8), int(tar[head + 136 : head + 147], 8)
            member = tar_member(name, tar[head + 512 : head + 512 + length], when)
            need(name and tar.startswith(member, place), "archive", odd)
            found.append((name.decode("ascii"), tar[head + 512 : head + 512 + length]))
            place += len(member)
    except (zlib.error, ValueError) as error:
        raise Bad("archive", f"{odd}: {error}") from error
    return found
def check_block(job: tuple[Path, int, int, Keys, str]) -> list[tuple[Any, ...]]:
    """Of each DBOM: name, SHA-256, size, leaf (none if it is not good), and kind and sentence of what is wrong."""
    rows = []
    for name, data in read_block(*job[:3]):
        kind, message = verdict(check_dbom, data, job[3], name, job[4])
        leaf = b"" if kind else sha256(b"\0", json.loads(data)["sigma_judge"].encode())
        rows.append((name, sha256(data).hex(), len(data), leaf, kind, f"{name}: {message}"))
    return rows
def check_archive(pack: Path, keys: Keys, notes: Notes, walk: Any) -> str:
    """What an archive shows. Roots are from those before it, of size 0 if none may be missing, of -1: the ledger."""
    roots, held, spans = walk  # held: first leaf and digests of good ones; spans: last and first leaf of all
    first, last, manifest = int(pack.name[6:18]), int(pack.name[19:31]), pack.with_name(pack.name[:31] + ".json")
    stated = parse_json(small(manifest), "archive", BLOCK_LIMIT)
    types = [type(stated[name]) for name in ("origin", "keyid", "zlib_version", "zlib_level", "before", "blocks")]
    sane = types == [str, str, str, int, list, list] and len(stated["blocks"]) <= 1 << 16 | 1 and pack.is_file()
    need(sane, "archive", "not a manifest, or its pack is gone")
    digest = {"digest": sha256(json_text({name: stated[name] for name in stated if name != "digest"})).hex()}
    need(json_text(stated | digest) == small(manifest), "archive", "not the manifest as written")
    need(roots.setdefault(-1, stated["origin"]) == stated["origin"], "archive", "it is of another ledger")
    *places, end = itertools.accumulate(stated["blocks"], initial=0)
    [(title, sums)] = read_block(pack, places[-1], stated["blocks"][-1], bytes(1024))
    rows, order = list[tuple[Any, ...]](), {line[66:]: at for at, line in enumerate(sums.decode("ascii").split("\n"))}
    with concurrent.futures.ProcessPoolExecutor() as pool:  # it notices a worker that was killed
        jobs = [(pack, at, size, keys, stated["origin"]) for at, size in zip(places, stated["blocks"], strict=True)]
        for number, block in enumerate(pool.map(check_block, jobs[:-1])):
            rows += [(*row, number) for row in block]
            sys.stderr.write(f"\r{len(rows)} of {last + 1 - first} DBOMs " if sys.stderr.isatty() else "")
    rows.sort(key=lambda row: order.get(row[0], -1))  # from the order of vectors to that of the log
    names, digests, sizes, leaves, kinds, said, blocks = zip(*rows, strict=True)
    whole = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True)).encode()
    same = (whole, title, len(order), end) == (sums, "SHA256SUMS", len(rows) + 1, pack.stat().st_size)
    need(same, "archive", "its blocks or SHA256SUMS do not fit its files")
    opened = [(where, *verdict(open_checkpoint, note, keys)) for where, note in notes]
    wanted = {last + 1, *(start for _, start in spans), *(found[1] for _, kind, found in opened if not kind)}
    odd = [n for at, old in held for n, ok in enumerate(map(str.__eq__, old[first - at :], digests), first) if not ok]
    followed = [b"", *leaves] if all(leaves) and not odd else []
    peaks = [exact_base64(peak, "archive") for peak in stated["before"]]
    same = len(peaks) == first.bit_count() and {*map(len, peaks)} <= {32} and (first in roots or 0 not in roots)
    need(same, "archive", f"begins at leaf {first}; the archive before it is missing or not good (see --part)")
    for size, leaf in enumerate(followed, first):  # the log before, and after each leaf
        rest, node = size - 1, leaf
        while leaf and rest & 1:
            rest, node = rest >> 1, sha256(b"\x01", peaks.pop(), node)
        peaks += [node] if leaf else []
        if peaks and size in wanted:
            root = functools.reduce(lambda right, left: sha256(b"\x01", left, right), peaks[::-1])
            need(roots.setdefault(size, root) == root, "archive", "it does not go on from the archive before it")
    right = {"schema": "green-logic/archive/1", "file": pack.name, "size_bytes": end, "sha256": digest_of(pack),
             "first_leaf": first, "last_leaf": last, "ledger_size": last + 1, "dboms": len(rows),
             "sums_sha256": sha256(sums).hex(), "places": base64_of(struct.pack(f"<{len(rows)}H", *blocks)),
             "dbom_bytes": sum(sizes), "root": base64_of(roots[last + 1]) if followed else stated["root"]}
    wrong = [name for name, value in right.items() if json.dumps(stated[name]) != json.dumps(value)]
    bad = [f"{kind}: {message}" for kind, message in zip(kinds, said, strict=True) if kind]
    shown = "; ".join([*bad[:5], f"{len(bad)} of {len(rows)} DBOMs are not good"])
    need(not wrong, "archive", f"it is not what its manifest says: {', '.join(wrong)}; {shown}")
    need(not bad, next(filter(None, kinds), ""), shown)
    need(not odd, "history-forked", f"leaf {min(odd, default=0)} is another DBOM than in an archive before it")
    held[:] = [*(one for one in held if one[0] + len(one[1]) > first), (first, digests)]
    for where, kind, found in opened:
        need(not kind, kind, f"{where}: {found}")
        need(found[0] == stated["origin"], "ledger", f"{where}: is of another ledger")
        need(found[1] <= last + 1 or 0 not in roots or last < max(spans)[0], "truncated",
             f"{where}: {found[1]} battles, the archives end here")
        need(roots.get(found[1], found[2]) == found[2], "checkpoint" if where == "checkpoint" else "history-rewritten",
             f"{where}: the first {found[1]} leaves have another root than was signed")
    sealed = max([0, *(found[1] for _, _, found in opened if found[1] in roots)])
    return f"{len(rows)} DBOMs, leaves {first} to {last} of {stated['origin']}, sealed to {sealed}"
def check_export(manifest: Path) -> str:
    """What the manifest of a Parquet export says; its rows need pyarrow, and so `green-logic verify`."""
    stated = parse_json(small(manifest), "export", BLOCK_LIMIT)
    text = json.dumps({name: value for name, value in stated.items() if name != "digest"}, indent=2, ensure_ascii=False)
    whole = f'{text[:-2]},\n  "digest": "{sha256(text.encode(), bytes([10])).hex()}"\n}}\n'
    need(whole.encode() == small(manifest), "export", "not the manifest as written")
    for path, size, digest in ((one["path"], one["bytes"], one["sha256"]) for one in stated["files"]):
        need(re.fullmatch(r"month=\d{4}-\d\d/battles-[-\dg]+\.parquet", path), "export", f"{path}: no file of ours")
        file = manifest.parent.parent / path
        same = file.is_file() and file.stat().st_size == size and digest_of(file) == digest
        need(same, "export", f"{path} is not the file as written")
    return f"{len(stated['files'])} files of {stated['rows']} rows, byte for byte; the rows were not looked at"
def check_file(path: str, keys: Keys, notes: Any = (), walk: Any = None) -> tuple[str, str, str]:
    """What a file is, the kind of what is wrong with it (empty when it is good) and a sentence."""
    file = Path(path)
    if ARCHIVE.fullmatch(file.name):
        pack = file.with_name(file.name[:31] + ".tar.gz")
        return ("archive", *verdict(check_archive, pack, keys, notes, walk or ({}, [], [])))
    if file.parent.name == "_manifests":
        return ("export", *verdict(check_export, file))
    with file.open("rb") as opened:
        data = opened.read(SIZE_LIMIT + 1)
    if data.startswith(b"c2sp.org/tlog-proof@v1\n"):
        return ("receipt", *verdict(check_receipt, data, keys))
    if "\n\n\u2014 ".encode() in data and not data.lstrip().startswith(b"{"):
        kind, found = verdict(open_checkpoint, data, keys)
        return "checkpoint", kind, found if kind else f"{found[1]} battles on {found[0]}"
    return ("dbom", *verdict(check_dbom, data, keys, file.name))
def find_files(folder: Path) -> list[Path]:
    """What can be checked in a folder, archives in the order of their leaves."""
    packs = {path.with_name(path.name[:31] + ".tar.gz") for path in folder.iterdir() if ARCHIVE.fullmatch(path.name)}
    manifests = sorted(folder.rglob("_manifests/[0-9]*.json"))
    named = {name for path in manifests for name in re.findall(rb'"([^"/]+\.json)"', small(path))}  # superseded
    rest = [one for name in ("checkpoint", "dbom_*.json", "*.tlog-proof") for one in folder.glob(name) if one.is_file()]
    return [*sorted(packs), *(one for one in manifests if one.name.encode() not in named), *sorted(rest)]
def main() -> int:
    parser = argparse.ArgumentParser(description="Check DBOMs, receipts, checkpoints, archives and exports.")
    parser.add_argument("--key", action="append", metavar="FILE", help="the judge's public key, from elsewhere")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE", help="one you kept, for archives")
    parser.add_argument("--part", action="store_true", help="a folder lacks archives on purpose")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("targets", nargs="*", default=[Path(__file__).parent], metavar="FILE or FOLDER")
    options, answers = parser.parse_args(), list[tuple[str, str, str, str]]()
    try:
        pins = [(f"pinned {path}", Path(path).read_bytes()) for path in options.checkpoint]
        for target in map(Path, options.targets):
            folder, keys = target if target.is_dir() else target.parent, Keys()
            beside = [path / "judge.pub" for path in (folder, *folder.absolute().parents[:4])]
            for path in options.key or [path for path in beside if path.is_file()][:1]:
                keys.update(load_keys(Path(path).read_bytes()))
            near = [("checkpoint", path.read_bytes()) for path in [folder / "checkpoint"] if path.is_file()]
            files = find_files(target) if target.is_dir() else [target]
            spans = [(int(path.name[19:31]), int(path.name[6:18])) for path in files if ARCHIVE.fullmatch(path.name)]
            if pins and target.is_dir() and not spans:
                parser.error(f"{target}: there is no archive to hold the checkpoint against")
            walk: Any = {0: sha256()} if target.is_dir() and not options.part else {}, [], spans
            answers += [(str(path), *check_file(str(path), keys, near + pins, walk)) for path in files]
        if not answers or (not keys and any(kind == "unknown-key" for *_, kind, _ in answers)):
            parser.error("there is nothing to check, or no public key: --key FILE")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    shown = [{"target": one[0], "what": one[1], "kind": one[2], "message": one[3], "ok": not one[2]} for one in answers]
    good = not any(kind for *_, kind, _ in answers)
    whole = {"schema": "green-logic/verify/1", "key_pinned": bool(options.key), "targets": shown, "ok": good}
    lines = [ascii(f"{path}: {kind or what + ' is good'}: {said}")[1:-1] for path, what, kind, said in answers]
    lines += [] if options.key else ["key not pinned: this shows that the files agree with each other; give --key FILE"]
    sys.stdout.write("\n".join([json.dumps(whole, sort_keys=True)] if options.json else lines) + "\n")
    return 0 if good else 1
if __name__ == "__main__":
    sys.exit(main())
