"""The numbers behind a decision, kept with it: what a person who doubts it wants to see."""

import json
from dataclasses import replace

from data_registry.labels.decisions import Decision
from labeling.policy.certified import CertifiedPolicy
from labeling.policy.policy import Policy
from labeling.rounds.round import Round

_DIGITS = 6


def attach_evidence(
    decision: Decision, current: Round, policy: Policy | CertifiedPolicy, copy_of: str
) -> Decision:
    """Attach the numbers of `data_registry.labels.decisions.EVIDENCE` that spoke for or against."""
    prediction = current.predictions[decision.sha256]
    queries = current.query_classes.get(decision.sha256, ())
    facts: dict[str, str | float] = {
        "teacher_confidence": round(prediction.confidence, _DIGITS),
        "gate_distance": round(prediction.gate_distance, _DIGITS),
        "gate_bound": round(current.teacher.gate.bound, _DIGITS),
        "probabilities": json.dumps(
            {name: round(share, _DIGITS) for name, share in prediction.probabilities.items()}
        ),
    }
    if queries:
        facts["query_classes"] = ", ".join(sorted(name or "background" for name in queries))
        facts["query_agrees"] = prediction.class_name in queries
    if copy_of:
        facts["copy_of"] = copy_of
    elif current.evidence.known:
        facts["chance_any_class"] = round(current.evidence.estimate_known(decision.sha256), _DIGITS)
        if isinstance(policy, CertifiedPolicy):
            facts["chance_right"] = round(policy.estimate(prediction, queries).right, _DIGITS)
    return replace(decision, evidence=facts)
