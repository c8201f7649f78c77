"""A judged battle in the summary of a run: what a line of its table and an entry of its report say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from green_logic.settings import Settings


@dataclass(frozen=True)
class Row:
    """One judged battle in the summary."""

    battle_id: str
    task: str
    agent: str
    cis: float
    rationale: float | None
    architecture: float | None
    testing: float | None
    logic: float | None
    coverage: float
    dbom: str

    def brief(self) -> dict[str, Any]:
        """What a script wants to know first."""
        return {"battle_id": self.battle_id, "score": self.cis, "coverage": self.coverage, "dbom": self.dbom}


def summary_row(result: dict[str, Any], settings: Settings) -> Row:
    """The line of the summary table for one result."""
    evaluation, participant = result["evaluation"], result.get("participant") or {}
    task = result["task"]
    return Row(
        battle_id=result["battle_id"],
        task=task.get("title") or task.get("id") or "",
        agent=participant.get("agent") or "",
        cis=evaluation["cis_score"],
        rationale=evaluation["rationale_score"],
        architecture=evaluation["architecture_score"],
        testing=evaluation["testing_score"],
        logic=evaluation["logic_score"],
        coverage=evaluation["coverage"],
        dbom=str(settings.dboms / f"dbom_{result['battle_id']}.json"),
    )
