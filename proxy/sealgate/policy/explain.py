"""What people read about a decision: the message, the reason phrase, and the small detail (design section 7)."""

from typing import Final

from sealgate.limits import MESSAGE_CHARACTERS, REASON_PHRASE_CHARACTERS
from sealgate.oci.digest import NO_CONTENT
from sealgate.oci.wire import printable
from sealgate.policy.decision import Outcome
from sealgate.policy.record import DecisionRecord

_VERBS: Final = {Outcome.ADMIT: "admitted", Outcome.DENY: "denied", Outcome.UNDETERMINED: "could not be checked"}


def message(record: DecisionRecord, image: str) -> str:
    """The whole story in one paragraph: docker and podman show people nothing else.

    Args:
        record: what was decided, about what.
        image: what people write for the repository, so that it comes through the gate: for the command that would help.
    """
    decision = record.decision
    name = record.reference
    if decision.digest != NO_CONTENT and str(decision.digest) not in name:
        name += f" ({decision.digest})"
    told = decision.finding.text if decision.finding else ""
    by = f" by policy {decision.policy}" if decision.policy else ""
    if decision.policy and decision.description:
        by += f" ({decision.description})"
    if decision.rule:
        by += f", rule {decision.rule}"
    if decision.outcome is Outcome.UNDETERMINED:
        by = f" (policy {decision.policy}, rule {decision.rule})" if decision.policy else ""
    sentence = f"{name} {_VERBS[decision.outcome]}{by}: {told or 'nothing stands against it'}."
    fix = decision.cure.replace("{reference}", f"{image}@{decision.digest}")
    end = (f"Fix: {fix}. " if fix else "") + f"Decision {record.identifier}"
    return f"{printable(sentence, MESSAGE_CHARACTERS - min(len(end), 1000))} {printable(end, MESSAGE_CHARACTERS)}"


def phrase(record: DecisionRecord) -> str:
    """The HTTP reason phrase: short and ASCII, all that containerd, BuildKit and the kubelet show."""
    decision = record.decision
    reason = decision.finding.reason.value if decision.finding else ""
    by = f" by policy {decision.policy}" if decision.policy else ""
    verb = "Could not be checked" if decision.outcome is Outcome.UNDETERMINED else f"Denied{by}"
    told = f"{verb}: {reason} (decision {record.identifier})"
    ascii_only = "".join(char for char in told if char.isascii() and char.isprintable())
    return ascii_only[:REASON_PHRASE_CHARACTERS]


def detail(record: DecisionRecord) -> dict[str, str]:
    """A small flat object for programs; helm, oras and go-containerregistry print it as it is."""
    decision = record.decision
    found = {
        "reason": decision.finding.reason.value if decision.finding else "",
        "policy": decision.policy,
        "rule": decision.rule,
        "digest": "" if decision.digest == NO_CONTENT else str(decision.digest),
        "decision": record.identifier,
        "request": record.caller.request,
    }
    return {key: value for key, value in found.items() if value}
