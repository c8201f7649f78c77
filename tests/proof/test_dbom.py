"""A DBOM seals one decision: nothing in it can change unnoticed, and nothing is ever filled in."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from green_logic.errors import InvalidBattleError, VerificationError
from green_logic.proof.dbom import (
    FIELDS,
    SIZE_LIMIT,
    check_dbom,
    parse_dbom,
    rebuild_dbom,
    seal_result,
)
from green_logic.proof.envelope import seal
from green_logic.proof.vector import VECTOR_SIZE

ORIGIN = "green-agent/test"
NOW = "2026-01-02T03:04:05.000006Z"
ABSENT = object()
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NUMBERS = st.floats(-1e299, 1e299, allow_nan=False) | st.integers(-(2**63), 2**64 - 1)
VECTORS = st.lists(NUMBERS, min_size=3, max_size=9).filter(any).map(lambda few: (few * VECTOR_SIZE)[:VECTOR_SIZE])


@pytest.fixture(scope="module")
def judge():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from green_logic.proof.keys import SigningKey, find_keyid

    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"test judge key - never use").digest())
    return SigningKey(private, find_keyid(private.public_key()))


@pytest.fixture(scope="module")
def keys(judge):
    return {judge.keyid: judge.public}


@pytest.fixture(scope="module")
def sealed(judge, make_result):
    return seal_result(make_result("b-1"), key=judge, origin=ORIGIN, timestamp=NOW)


@pytest.fixture
def dbom(sealed):
    return json.loads(sealed.dbom_bytes())


def with_vector(result, vector):
    result = copy.deepcopy(result)
    result["evaluation"]["intent_vector"] = vector
    return result


def test_a_dbom_has_the_seven_fields_in_order_with_their_types(dbom):
    assert tuple(dbom) == FIELDS
    assert [type(value) for value in dbom.values()] == [str, str, str, list, float, str, str]
    assert len(dbom["v_intent"]) == VECTOR_SIZE
    assert {type(number) for number in dbom["v_intent"]} == {float}
    assert (dbom["dbom_version"], dbom["battle_id"], dbom["score_cis"], dbom["timestamp"]) == ("1.1", "b-1", 0.61, NOW)


def test_h_delta_is_the_digest_of_raw_result(sealed, dbom):
    assert hashlib.sha256(sealed.raw_result).hexdigest() == sealed.h_delta == dbom["h_delta"]


def test_raw_result_is_the_whole_result(sealed, make_result):
    assert json.loads(sealed.raw_result) == make_result("b-1")


def test_key_order_does_not_change_h_delta(sealed, judge, make_result):
    turned = dict(reversed(make_result("b-1").items()))
    assert seal_result(turned, key=judge, origin=ORIGIN).h_delta == sealed.h_delta


def test_evidence_ignores_timings_and_nothing_else(sealed, judge, make_result):
    def evidence(**more):
        return seal_result(make_result("b-1", **more), key=judge, origin=ORIGIN).evidence_sha256

    assert evidence(timing={"total_s": 9.0}) == sealed.evidence_sha256
    assert evidence(score=0.62) != sealed.evidence_sha256
    assert evidence(note="") != sealed.evidence_sha256


def test_a_contestant_finds_the_digest_of_their_own_file(sealed, make_result):
    statement = json.loads(base64.b64decode(json.loads(sealed.envelope)["payload"]))
    source = make_result("b-1")["purple_response"]["sourceCode"].encode()
    assert statement["subject"] == [
        {"name": "b-1", "digest": {"sha256": sealed.h_delta}},
        {"name": "submission", "digest": {"sha256": hashlib.sha256(source).hexdigest()}},
    ]


def test_a_sealed_battle_checks(sealed, keys):
    checked = check_dbom(sealed.dbom_bytes(), keys, name="dbom_b-1.json", origin=ORIGIN, raw_result=sealed.raw_result)
    assert checked["score_cis"] == 0.61


def _nudge_vector(dbom):
    dbom["v_intent"][200] = math.nextafter(dbom["v_intent"][200], 1.0)


def _envelope(change):
    def apply(dbom):
        envelope = json.loads(dbom["sigma_judge"])
        change(envelope)
        dbom["sigma_judge"] = json.dumps(envelope)

    return apply


def _payload(envelope):
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["scoreCis"] = 1.0
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def _signature(envelope):
    text = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("B" if text[0] == "A" else "A") + text[1:]


CHANGES = {
    "v_intent's last digit": (_nudge_vector, "v_intent"),
    "v_intent's order": (lambda d: d["v_intent"].reverse(), "v_intent"),
    "v_intent's length": (lambda d: d["v_intent"].pop(), "v_intent"),
    "v_intent of text": (lambda d: d["v_intent"].__setitem__(0, "0.1"), "v_intent"),
    "v_intent of truth": (lambda d: d["v_intent"].__setitem__(0, True), "v_intent"),
    "v_intent absent": (lambda d: d.pop("v_intent"), "schema"),
    "score": (lambda d: d.update(score_cis=0.6100000000000001), "score_cis"),
    "score as text": (lambda d: d.update(score_cis="0.61"), "score_cis"),
    "score as truth": (lambda d: d.update(score_cis=True), "score_cis"),
    "score null": (lambda d: d.update(score_cis=None), "score_cis"),
    "timestamp": (lambda d: d.update(timestamp="2026-01-02T03:04:05.000007Z"), "timestamp"),
    "timestamp's form": (lambda d: d.update(timestamp="2026-01-02T03:04:05.000006+00:00"), "timestamp"),
    "battle_id": (lambda d: d.update(battle_id="b-2"), "battle_id"),
    "battle_id's case": (lambda d: d.update(battle_id="B-1"), "battle_id"),
    "battle_id as path": (lambda d: d.update(battle_id="../b-1"), "schema"),
    "h_delta": (lambda d: d.update(h_delta="0" * 64), "h_delta"),
    "h_delta's case": (lambda d: d.update(h_delta=d["h_delta"].upper()), "h_delta"),
    "version 1.0": (lambda d: d.update(dbom_version="1.0"), "legacy-unsigned"),
    "version 1.2": (lambda d: d.update(dbom_version="1.2"), "schema"),
    "no envelope": (lambda d: d.update(sigma_judge="SIG_GREEN_b-1_0123abcd"), "envelope"),
    "envelope as object": (lambda d: d.update(sigma_judge=json.loads(d["sigma_judge"])), "schema"),
    "payload": (_envelope(_payload), "signature"),
    "payload not base64": (_envelope(lambda e: e.update(payload="?" + e["payload"])), "envelope"),
    "signature": (_envelope(_signature), "signature"),
    "signature empty": (_envelope(lambda e: e["signatures"][0].update(sig="")), "signature"),
    "signatures none": (_envelope(lambda e: e.update(signatures=[])), "envelope"),
    "signatures many": (_envelope(lambda e: e.update(signatures=e["signatures"] * 9)), "envelope"),
    "keyid": (_envelope(lambda e: e["signatures"][0].update(keyid="SHA256:AAAA")), "unknown-key"),
    "keyid absent": (_envelope(lambda e: e["signatures"][0].pop("keyid")), "unknown-key"),
    "payloadType": (_envelope(lambda e: e.update(payloadType="application/json")), "envelope"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_single_change_is_detected_and_named(name, dbom, keys):
    change, kind = CHANGES[name]
    change(dbom)
    with pytest.raises(VerificationError) as caught:
        check_dbom(json.dumps(dbom).encode(), keys)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("given_", "kind"),
    [({"name": "dbom_b-2.json"}, "file-name"), ({"origin": "other"}, "ledger"), ({"raw_result": b"{}"}, "h_delta")],
)
def test_a_dbom_in_the_wrong_place_is_detected(given_, kind, sealed, keys):
    with pytest.raises(VerificationError) as caught:
        check_dbom(sealed.dbom_bytes(), keys, **given_)
    assert caught.value.kind == kind


def test_the_key_of_somebody_else_is_detected(sealed, keys, key):
    with pytest.raises(VerificationError) as caught:
        check_dbom(sealed.dbom_bytes(), {key.keyid: key.public})
    assert caught.value.kind == "unknown-key"
    (claimed,) = keys
    with pytest.raises(VerificationError) as caught:
        check_dbom(sealed.dbom_bytes(), {claimed: key.public})
    assert caught.value.kind == "signature"


@pytest.mark.parametrize(
    "statement",
    [
        [],
        None,
        "x",
        {},
        {"subject": [], "predicate": {}},
        {"subject": [{}], "predicate": []},
        {"_type": 1, "subject": 2},
    ],
)
def test_a_well_signed_statement_of_another_shape_is_refused(statement, dbom, judge, keys):
    dbom["sigma_judge"] = seal(json.dumps(statement).encode(), judge)
    with pytest.raises(VerificationError) as caught:
        check_dbom(json.dumps(dbom).encode(), keys)
    assert caught.value.kind == "statement"


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b'{"a":1,"a":2}', b"NaN", b"1e999", b"[" * 100_000])
def test_a_well_signed_payload_that_is_no_strict_json_is_refused(payload, dbom, judge, keys):
    dbom["sigma_judge"] = seal(payload, judge)
    with pytest.raises(VerificationError) as caught:
        check_dbom(json.dumps(dbom).encode(), keys)
    assert caught.value.kind == "envelope"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"[" * 200_000,
        b" " * (SIZE_LIMIT + 1),
        b'"x',
        b"1" * 9999,
    ],
)
def test_a_file_that_is_no_dbom_is_refused(data):
    with pytest.raises(VerificationError) as caught:
        parse_dbom(data)
    assert caught.value.kind == "schema"


def test_a_duplicate_key_is_refused(sealed, keys):
    twice = sealed.dbom_bytes().replace(b'"score_cis"', b'"score_cis":1.0,"score_cis"')
    with pytest.raises(VerificationError, match="duplicate key"):
        check_dbom(twice, keys)


def test_trailing_and_missing_bytes_are_refused(sealed, keys):
    for data in (sealed.dbom_bytes() + b"{}", sealed.dbom_bytes()[:-2], sealed.dbom_bytes()[: len(sealed.vector) // 2]):
        with pytest.raises(VerificationError):
            check_dbom(data, keys)


PRINTERS = {
    "indented": lambda d: json.dumps(d, indent=2),
    "sorted": lambda d: json.dumps(d, sort_keys=True),
    "17 digits": lambda d: json.dumps(d | {"v_intent": [0]}).replace(
        "[0]", str([f"{x:.17e}" for x in d["v_intent"]]).replace("'", "")
    ),
    "orjson": lambda d: orjson.dumps(d, option=orjson.OPT_INDENT_2).decode(),
    "more fields": lambda d: json.dumps(d | {"comment": "unsigned"}),
    "escaped": lambda d: json.dumps(d).replace("b-1", r"\u0062-1"),
    "CRLF": lambda d: json.dumps(d, indent=1).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", PRINTERS)
def test_a_dbom_that_another_tool_printed_anew_still_checks(name, dbom, keys, sealed):
    assert check_dbom(PRINTERS[name](dbom).encode(), keys, raw_result=sealed.raw_result)["battle_id"] == "b-1"


def test_a_whole_score_that_javascript_prints_as_an_integer_still_checks(judge, keys, make_result):
    for score in (0.0, 1.0):
        data = seal_result(make_result("b-1", score=score), key=judge, origin=ORIGIN).dbom_bytes()
        dbom = json.loads(data)
        dbom["score_cis"] = int(score)
        assert check_dbom(json.dumps(dbom).encode(), keys)["score_cis"] == score


def test_any_flipped_bit_is_detected_or_changes_nothing(sealed, keys):
    data = sealed.dbom_bytes()
    good = json.loads(data)
    # every byte outside the vector, and a stride within it, a bit each; the vector's digest does not tell them apart
    start, end = data.index(b"["), data.index(b"]")
    places = [*range(start), *range(start, end, 23), *range(end, len(data))]
    harmless = 0
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << (place * 5 % 8)
        try:
            checked = check_dbom(
                bytes(changed), keys, name=sealed.file_name, origin=ORIGIN, raw_result=sealed.raw_result
            )
        except VerificationError:
            continue
        harmless += 1
        assert {name: checked[name] for name in FIELDS if name != "sigma_judge"} == {
            name: good[name] for name in FIELDS if name != "sigma_judge"
        }
        before, after = (json.loads(text["sigma_judge"]) for text in (good, checked))
        assert base64.b64decode(before["payload"]) == base64.b64decode(after["payload"])
    assert harmless < 10, "bits that a reader cannot see, such as the unused ones of base64, are few"


REFUSED_SCORES = [
    ABSENT,
    None,
    True,
    False,
    "0.5",
    "high",
    [0.5],
    {},
    -0.1,
    1.0000001,
    2,
    -1,
    math.nan,
    math.inf,
    10**400,
]
REFUSED_VECTORS = {
    "absent": ABSENT,
    "null": None,
    "text": "0.1",
    "empty": [],
    "zeros": [0.0] * VECTOR_SIZE,
    "negative zeros": [-0.0] * VECTOR_SIZE,
    "one short": [0.1] * (VECTOR_SIZE - 1),
    "one long": [0.1] * (VECTOR_SIZE + 1),
    "NaN": [0.1] * (VECTOR_SIZE - 1) + [math.nan],
    "infinity": [math.inf] + [0.1] * (VECTOR_SIZE - 1),
    "text inside": [0.1] * (VECTOR_SIZE - 1) + ["0.1"],
    "truth inside": [0.1] * (VECTOR_SIZE - 1) + [True],
    "null inside": [None] + [0.1] * (VECTOR_SIZE - 1),
    "object": {str(number): 0.1 for number in range(VECTOR_SIZE)},
}


@pytest.mark.parametrize("score", REFUSED_SCORES, ids=lambda value: "absent" if value is ABSENT else str(value)[:12])
def test_a_score_is_never_filled_in(score, judge, make_result):
    result = make_result("b-1", score=score)
    result["evaluation"]["breakdown"] = {}
    if score is ABSENT:
        del result["evaluation"]["cis_score"]
    with pytest.raises(InvalidBattleError, match="b-1"):
        seal_result(result, key=judge, origin=ORIGIN)


@pytest.mark.parametrize("name", REFUSED_VECTORS)
def test_a_vector_is_never_filled_in(name, judge, make_result):
    result = with_vector(make_result("b-1"), REFUSED_VECTORS[name])
    if name == "absent":
        del result["evaluation"]["intent_vector"]
    with pytest.raises(InvalidBattleError, match="b-1"):
        seal_result(result, key=judge, origin=ORIGIN)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {"deep": [{"er": -math.inf}]},
        (1.0, math.nan),
        "\ud800",
        {1: 2},
        {3},
        b"x",
        pytest.param(object(), id="an object"),
        2**64,
        1j,
    ],
    ids=repr,
)
def test_what_json_cannot_hold_is_refused_anywhere_in_a_result(value, judge, make_result):
    with pytest.raises(InvalidBattleError):
        seal_result(make_result("b-1", extra=value), key=judge, origin=ORIGIN)


def test_nesting_beyond_what_json_tools_read_is_refused(judge, make_result):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    circle: list = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(InvalidBattleError):
            seal_result(make_result("b-1", extra=value), key=judge, origin=ORIGIN)
    while deep:  # a hundred thousand nested frees would overflow the interpreter's stack
        deep = deep.pop()


@pytest.mark.parametrize(
    "battle_id",
    [
        None,
        7,
        True,
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "a\0b",
        "a\n",
        " a",
        "a b",
        "é",
        "-rf",
        ".a",
        "a" * 129,
        "\ud800",
    ],
)
def test_an_id_that_is_no_file_name_is_refused(battle_id, judge, make_result):
    with pytest.raises(InvalidBattleError, match="battle_id"):
        seal_result(make_result(battle_id), key=judge, origin=ORIGIN)


def test_whole_scores_are_sealed_as_the_numbers_they_are(judge, make_result):
    assert seal_result(make_result("b-1", score=1), key=judge, origin=ORIGIN).score == 1.0
    assert b'"score_cis":0.0,' in seal_result(make_result("b-1", score=-0.0), key=judge, origin=ORIGIN).dbom_bytes()


EVALUATIONS = st.fixed_dictionaries({"cis_score": st.floats(0, 1), "breakdown": JSON_VALUES, "intent_vector": VECTORS})
RESULTS = st.fixed_dictionaries(
    {"battle_id": st.just("b-1"), "extra": JSON_VALUES, "purple_response": st.fixed_dictionaries({"sourceCode": TEXT})}
)


@given(rest=RESULTS, evaluation=EVALUATIONS, flat=st.booleans())
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sealed_checks_and_is_rebuilt_byte_for_byte(judge, keys, rest, evaluation, flat):
    result = rest | (evaluation if flat else {"evaluation": evaluation})
    sealed = seal_result(result, key=judge, origin=ORIGIN)
    data = sealed.dbom_bytes()
    dbom = check_dbom(data, keys, name=sealed.file_name, origin=ORIGIN, raw_result=sealed.raw_result)
    assert dbom["v_intent"] == [float(number) for number in evaluation["intent_vector"]]
    assert dbom["score_cis"] == evaluation["cis_score"]
    assert data == rebuild_dbom(
        battle_id="b-1",
        raw_result=sealed.raw_result,
        score=sealed.score,
        timestamp=sealed.timestamp,
        envelope=sealed.envelope,
    )
    assert json.loads(sealed.raw_result) == json.loads(json.dumps(result))


@pytest.mark.parametrize(
    "raw_result",
    [b"", b"{", b"[]", b"null", b"{}", b'{"evaluation":{}}', b'{"intent_vector":null}', b'{"intent_vector":["x"]}'],
)
def test_a_dbom_is_not_rebuilt_from_a_damaged_row(raw_result):
    with pytest.raises(VerificationError):
        rebuild_dbom(battle_id="b-1", raw_result=raw_result, score=0.5, timestamp=NOW, envelope="{}")
