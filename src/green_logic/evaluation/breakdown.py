"""The score in sentences that a contestant can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from green_logic.evaluation.cis import SHINGLE_WORDS, Component, Verdict
from green_logic.evaluation.security.findings import Finding

SHOWN = 5  # failed tests, findings and names listed in a sentence
ENDINGS = {
    "timeout": "the run was stopped at the time limit",
    "crashed": "the run ended before the tests did",
    "output_limit": "the run was stopped because it printed too much",
    "no_tests": "no test was found",
    "import_error": "the tests could not be loaded",
}
# operators of `mutation.operators`, as a contestant would put them
CHANGES = {
    "arithmetic": "another arithmetic operator",
    "boolean": "a truth value turned over",
    "compare": "another comparison",
    "condition": "a condition turned over",
    "constant": "a number one higher",
    "delete": "a statement left out",
    "raise": "an error not raised",
    "return": "None returned",
}


def explain(
    components: Mapping[str, Component],
    verdict: Verdict,
    *,
    findings: Sequence[Finding],
    reported: Sequence[str],
    missing: Sequence[str],
) -> str:
    """One paragraph a component, then the factors. `reported` holds the severities of the red team's findings."""
    lines = [_head(components, verdict)]
    lines.append(f"Rationale {_figure(components['rationale'])}: {_rationale(components['rationale'].evidence)}")
    lines.append(
        f"Architecture {_figure(components['architecture'])}: {_architecture(components['architecture'].evidence)}"
    )
    lines.append(f"Testing {_figure(components['testing'])}: {_tests(components['testing'], 'own')}")
    lines.append(f"Logic {_figure(components['logic'])}: {_tests(components['logic'], 'hidden')}")
    if verdict.red_multiplier < 1:
        lines.append(_red(verdict, findings, reported))
    if missing:
        names = _list(missing)
        lines.append(
            f"Intent × {verdict.intent_multiplier:.2f}: the task asks for {names}, which the code does not define."
        )
    return "\n".join(lines)


def _head(components: Mapping[str, Component], verdict: Verdict) -> str:
    unmeasured = [name for name, part in components.items() if part.value is None]
    note = f"; {', '.join(unmeasured)} is unmeasured and left out" if unmeasured else ""
    factors = f"red {verdict.red_multiplier:.2f} × intent {verdict.intent_multiplier:.2f}"
    return f"CIS {verdict.cis:.3f} = mean {verdict.mean:.3f} × {factors}{note}."


def _figure(part: Component) -> str:
    return "unmeasured" if part.value is None else f"{part.value:.3f}"


def _rationale(evidence: Mapping[str, Any]) -> str:
    if "reason" in evidence:
        return f"{evidence['reason']}."
    text = f"similarity to the task {evidence['similarity']:.2f}"
    if evidence["grounding"] < 1:
        text += f", names the code's own functions and classes {evidence['grounding']:.0%} as often as it should"
    else:
        text += ", names the code's own functions and classes"
    if evidence["copied"]:
        text += f"; {evidence['copied']:.0%} of it is copied from the task ({SHINGLE_WORDS} words in a row)"
    return text + "."


def _architecture(evidence: Mapping[str, Any]) -> str:
    if "reason" in evidence:
        return f"{evidence['reason']}."
    parts = []
    if evidence["violated"]:
        parts.append(f"breaks the task's constraints ({_list(evidence['violated'])})")
    if evidence["smells"]:
        parts.append(f"{len(evidence['smells'])} code smells ({_list(evidence['smells'])})")
    if evidence["unchecked"]:
        parts.append(f"not checked: {_list(evidence['unchecked'])}")
    return ("; ".join(parts) or "keeps every constraint, no code smells") + "."


def _tests(part: Component, kind: str) -> str:
    evidence: Mapping[str, Any] = part.evidence
    if "reason" in evidence:
        return f"{evidence['reason']}."
    text = f"{evidence['passed']} of {evidence['total']} {kind} tests pass"
    if evidence["ended"] in ENDINGS:
        detail = f" ({evidence['detail']})" if evidence["detail"] else ""
        text += f"; {ENDINGS[evidence['ended']]}{detail}"
    failed = [name for name, outcome in evidence["tests"].items() if outcome != "passed"]
    if "review" in evidence:
        review = evidence["review"]
        text += (
            f" ({evidence['tests_value']:.3f}), which the LLM's {review['median']:.3f} moves by {review['delta']:+.3f}"
        )
    if failed:
        text += f"; not passed: {_list([_with_message(name, evidence['messages']) for name in failed])}"
    if "mutation" in evidence:
        text += f"; {_mutation(evidence['mutation'])}"
    return text + "."


def _mutation(mutation: Mapping[str, Any]) -> str:
    """What the tests notice, and where they could look."""
    parts = []
    if mutation["flaky"]:
        parts.append(f"{_list(mutation['flaky'])} sometimes pass on the same code and count for nothing")
    if "reason" in mutation:
        parts.append(mutation["reason"])
        return "; ".join(parts)
    killed = mutation["killed_assert"] + mutation["killed_crash"] + mutation["killed_timeout"]
    parts.append(f"they notice {killed} of {mutation['n']} broken copies of the code")
    if mutation["survivors"]:
        lines = [f"line {item['line']} ({CHANGES[item['operator']]})" for item in mutation["survivors"]]
        parts.append(f"unnoticed: {_list(lines)}")
    if mutation["not_run"]:
        parts.append(f"{mutation['not_run']} were not reached in time and count as unnoticed")
    return "; ".join(parts)


def _with_message(name: str, messages: Mapping[str, str]) -> str:
    message = messages.get(name, "")
    return f"{name} ({message[:100]})" if message else name


def _red(verdict: Verdict, findings: Sequence[Finding], reported: Sequence[str]) -> str:
    parts = [f"line {item.line}: {item.message} ({item.cwe}, {item.severity})" for item in findings]
    if reported:
        parts.append(f"the red team reports {len(reported)} ({', '.join(sorted(set(reported)))})")
    return f"Security × {verdict.red_multiplier:.2f}: {_list(parts)}."


def _list(items: Sequence[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return "; ".join(items[:SHOWN]) + more
