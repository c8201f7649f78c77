"""Ledgers for the tests of the export: realistic battles over two months, with the hard cases among them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import Sealed, seal_result
from green_logic.proof.keys import SigningKey, load_signing_key
from green_logic.settings import Settings

TEXTS = ("naïve – 日本", "quote ' \" and\nnew line", "", "null", "🙂" * 3)


def judged(number: int) -> dict[str, Any]:
    """The result of battle `number`. Every third one lacks what may be lacking."""
    own = random.Random(number)
    vector = random.Random(number % 4)
    bare = number % 3 == 0
    evaluation: dict[str, Any] = {
        "cis_score": round(own.random(), 6),
        "breakdown": f"In short: {TEXTS[number % len(TEXTS)]}",
        "intent_vector": [vector.uniform(-0.2, 0.2) for _ in range(384)],
    }
    if not bare:
        evaluation |= {
            "rationale_score": 0.5,
            "architecture_score": 1,
            "testing_score": round(own.random(), 6),
            "logic_score": None,
            "red_multiplier": 0.75,
            "red_penalty_applied": 0.25,
            "intent_code_similarity": -0.0625,
            "judge": "none",
            "components": {
                "testing": {"value": 0.5, "source": "own_tests", "evidence": {"passed": 3, "total": 4}},
                "logic": {"value": 1.0, "source": "hidden_tests", "evidence": {"passed": 2, "total": 2}},
            },
        }
    return {
        "battle_id": f"b-{number:04d}",
        "task": {"id": f"task-{number % 4}", "title": TEXTS[number % 4], "description": "do it"},
        "participant": None if bare else {"agent": f"agent-{number % 2}", "model": "m"},
        "purple_response": {"sourceCode": TEXTS[number % len(TEXTS)] * own.randrange(9), "rationale": "because"},
        "profile": {"id": "cis-evidence/2"},
        "audit_result": {"security_issues": [] if bare else [{"severity": "high", "line": 1}]},
        "red_report": None if bare else {"vulnerabilities": [{"severity": "critical"}, {"severity": "low"}]},
        "evaluation": evaluation,
    }


def sealed(number: int, key: SigningKey, origin: str, *, month: int = 1) -> Sealed:
    """Battle `number`, sealed in a month of 2026."""
    timestamp = f"2026-{month:02d}-03T04:05:{number % 60:02d}.{number:06d}Z"
    return seal_result(judged(number), key=key, origin=origin, timestamp=timestamp)


def record(settings: Settings, key: SigningKey, numbers: range, *, month: int = 1) -> None:
    """Put battles on the ledger."""
    with Ledger.open(settings, key) as ledger:
        ledger.submit([sealed(number, key, ledger.origin, month=month) for number in numbers])


def make_key(directory: Path) -> SigningKey:
    """A judge's key for ledgers that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(directory))
        return load_signing_key(Settings())


def copy_of(template: Settings, directory: Path) -> Settings:
    """The data directory of a closed ledger, copied: cheaper than recording and exporting again."""
    shutil.copytree(template.data_dir, directory)
    return Settings(data_dir=directory, busy_timeout_s=30.0)
