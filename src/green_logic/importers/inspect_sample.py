"""One sample of an Inspect AI log → a battle for each score, a failed evaluation or a refusal. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from green_logic.importers.intent import Intent
from green_logic.importers.outcomes import (
    Failed,
    Found,
    Options,
    Outcome,
    RefusalError,
    Refused,
    Source,
    Where,
    make_record,
    refusing,
)
from green_logic.importers.score_map import ScoreMaps

NAME = "inspect-ai"
VERSION = 1
ORIGINAL_LIMIT = 256 << 10  # bytes; a bigger sample leaves out its bulk, which is kept as digests
BULK = ("events", "events_data", "timelines", "attachments", "store", "messages", "output")
# Inspect's own reasons for "the instrument failed, not the model"
INSTRUMENT_FAILED = frozenset({"grader_failed", "scoring_failed"})
SLUG = re.compile(r"[^A-Za-z0-9._-]+")
SLUG_LIMIT = 100  # characters of the readable part; with a dash and the digest an id has at most 128
ID_DIGEST = 16  # hex digits: two of a billion records meet with a chance of 3 in 100
REASON_LIMIT = 300


@dataclass(frozen=True)
class Log:
    """What a log says about its run."""

    source: Source
    spec: Mapping[str, Any]
    status: str


@dataclass(frozen=True)
class Sample:
    """One sample with the name, digest and size of its member in the zip."""

    where: Where
    member: str
    sha256: str
    size_bytes: int
    value: Mapping[str, Any]


@dataclass(frozen=True)
class _Score:
    scorer: str
    key: str  # of a value that is a dictionary; "" otherwise
    value: object
    whole: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.scorer}.{self.key}" if self.key else self.scorer


def outcomes_of(sample: Sample, log: Log, options: Options) -> Iterator[Outcome]:
    """One outcome for each score; one for the whole sample when it has none."""
    scores = list(_scores(sample.value))
    if not scores:
        reason = _find_error(sample.value) or "no scorer gave this sample a score"
        yield Failed(sample.where, _battle_id(sample, log, ""), reason[:REASON_LIMIT])
    for score in scores:
        yield _outcome(score, sample, log, options)


def _scores(sample: Mapping[str, Any]) -> Iterator[_Score]:
    scores = sample.get("scores")
    if scores is None and isinstance(sample.get("score"), dict):
        scores = {"score": sample["score"]}  # logs from before there were several scorers
    for scorer, score in (scores if isinstance(scores, dict) else {}).items():
        whole = score if isinstance(score, dict) else {"value": score}
        value = whole.get("value")
        if isinstance(value, dict):
            yield from (_Score(scorer, key, part, whole) for key, part in value.items())
        else:
            yield _Score(scorer, "", value, whole)


def _outcome(score: _Score, sample: Sample, log: Log, options: Options) -> Outcome:
    battle_id = _battle_id(sample, log, score.name)
    if reason := _find_error(sample.value) or _find_failure(score):
        return Failed(sample.where, battle_id, reason[:REASON_LIMIT])
    try:
        with refusing("score"):
            evaluation = _evaluation(score, options.score_maps)
        text = _task_text(sample.value.get("input"))
        with refusing("vector"):
            intent = options.find_intent(text)
        with refusing("schema"):
            return make_record(
                _found(score, sample, log, battle_id=battle_id, evaluation=evaluation, text=text, intent=intent)
            )
    except RefusalError as error:
        return Refused(sample.where, battle_id, error.kind, error.message)
    except RecursionError:
        return Refused(sample.where, battle_id, "schema", "nested too deep")


def _find_error(sample: Mapping[str, Any]) -> str:
    """Why the sample as a whole was not evaluated; "" when it was."""
    error = sample.get("error")
    if error:
        return f"sample error: {error.get('message', '') if isinstance(error, dict) else error}"
    invalidation = sample.get("invalidation")
    if invalidation:
        reason = invalidation.get("reason") if isinstance(invalidation, dict) else invalidation
        return f"the sample was invalidated: {reason}"
    return ""


def _find_failure(score: _Score) -> str:
    """Why a scorer gave no score; "" when it gave one."""
    metadata = score.whole.get("metadata")
    old = metadata.get("unscored_reason") if isinstance(metadata, dict) else None
    reason = score.whole.get("reason") or old
    if isinstance(reason, str) and reason in INSTRUMENT_FAILED:
        return f"scorer {score.scorer}: {reason}: {score.whole.get('explanation') or ''}".rstrip(": ")
    # NaN is Inspect's sign for "unscored"
    if score.value is None or score.value in ("NaN", "Infinity", "-Infinity"):
        return f"scorer {score.scorer}: no score ({score.value})"
    return ""


def _battle_id(sample: Sample, log: Log, scorer: str) -> str:
    """Readable, the same at every import, and different for every score of every run."""
    value = sample.value
    names = [log.spec.get("task"), value["id"], f"e{value['epoch']}", scorer]
    words = [SLUG.sub("-", str(name)).strip("-._") for name in names]
    run = log.spec.get("eval_id") or log.spec.get("run_id")
    # ASCII escapes: an id may hold half a character
    exact = json.dumps([run, log.spec.get("created"), value["id"], value["epoch"], scorer]).encode()
    digest = hashlib.sha256(exact).hexdigest()[:ID_DIGEST]
    return f"{'-'.join(filter(None, words))[:SLUG_LIMIT].strip('-._')}-{digest}".lstrip("-")


def _evaluation(score: _Score, maps: ScoreMaps) -> dict[str, Any]:
    score_map = maps.find(score.name, score.scorer)
    explanation = score.whole.get("explanation")
    return {
        "cis_score": score_map.apply(score.value),
        "breakdown": explanation if isinstance(explanation, str) else "",
        "original_score": {"scorer": score.name, "value": score.value, "score_map": score_map.text},
    }


def _found(
    score: _Score,
    sample: Sample,
    log: Log,
    *,
    battle_id: str,
    evaluation: Mapping[str, Any],
    text: str,
    intent: Intent,
) -> Found:
    value, task = sample.value, str(log.spec.get("task"))
    return Found(
        importer=NAME,
        version=VERSION,
        source=log.source,
        where=sample.where,
        battle_id=battle_id,
        original_id=f"{value['id']} epoch {value['epoch']} {score.name}",
        timestamp=str(value.get("completed_at") or log.spec.get("created") or ""),
        evaluation=evaluation,
        intent=intent,
        original={
            "eval": dict(log.spec),
            "member": {"name": sample.member, "sha256": sample.sha256, "size_bytes": sample.size_bytes},
            "score": score.name,
            **_kept(sample),
        },
        parts={
            "task": {"id": task, "title": task, "description": text},
            "participant": {"agent": None, "model": log.spec.get("model")},
        },
    )


def _kept(sample: Sample) -> dict[str, Any]:
    """The sample itself; the bulk of a big one is left out, and its digests say what was."""
    if sample.size_bytes <= ORIGINAL_LIMIT:
        return {"sample": dict(sample.value), "left_out": {}}
    # ASCII: half a character must not end the digest of what is not kept
    bulk = {name: json.dumps(sample.value[name], sort_keys=True).encode() for name in BULK if name in sample.value}
    return {
        "sample": {name: value for name, value in sample.value.items() if name not in bulk},
        "left_out": {
            name: {"sha256": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)} for name, text in bulk.items()
        },
    }


def _task_text(value: object) -> str:
    """What the model was asked: the input, or the text of the messages that are not the model's."""
    if isinstance(value, str):
        return value
    texts: list[str] = []
    for message in value if isinstance(value, list) else []:
        if isinstance(message, dict) and message.get("role") != "assistant":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(text for text in texts if text.strip())
