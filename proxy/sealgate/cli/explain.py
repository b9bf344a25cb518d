"""`sealgate explain DECISION`: why the gate decided as it did, from its decision log, in sentences."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sealgate.cli.decision_lines import lines
from sealgate.cli.exits import readable_errors
from sealgate.cli.options import Json, SettingsFile, settings_from
from sealgate.cli.tables import console
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.explanations import EXPLANATIONS
from sealgate.evidence.reason import Reason
from sealgate.oci.wire import printable
from sealgate.policy import schema
from sealgate.policy.strict_yaml import Document
from sealgate.settings import Overrides

_IDENTIFIER: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
_LINK: Final = re.compile(r"\[([^\[\]]+)\]\([^()]+\)")
_TEXT_CHARACTERS: Final = 1000
_NO_FLAGS: Final = Overrides()
_DID: Final = {"pull": "pulled", "push": "pushed"}
_CAME: Final = {"admit": "It was admitted", "deny": "It was denied", "undetermined": "It could not be checked"}
_EVENTS: Final = {
    "held": "The push is held: its tag moves once the signature has come.",
    "released": "What the push waited for has come: its tag was moved.",
    "hold-ended": "What was held is over: its tag was not moved.",
    "hold-expired": "What was held waited in vain: its tag was not moved.",
}
_FOUND: Final = ("signatures", "attestations", "rejected", "unavailable")
_PROOFS: Final = {
    "inclusion": "the transparency log proves that it holds it",
    "promise": "the transparency log promised to take it",
    "none": "no transparency log entry came with it",
}


def explain(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Its name, as the refusal gives it: 01M844…")],
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="The decision log; - is the standard input.")] = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Tell why a decision came out as it did: who asked for what, what was found, and what stood in the way.

    It is looked up in the decision log: --log, or the file that the settings name. Exit status: 0, 2 when it is not
    there or the log cannot be read.
    """
    with readable_errors():
        name = decision.strip().upper()
        if not _IDENTIFIER.fullmatch(name):
            raise ConfigurationInvalid(f"{decision} is no name of a decision; it has 26 letters and digits, as 01M844…")
        line = _find(_log(log, settings), name)
    if as_json:
        print(json.dumps(line, indent=2))
        return
    out = console()
    for text in _sentences(line):
        indent = text[: len(text) - len(text.lstrip())]
        out.print(f"{indent}{printable(text, _TEXT_CHARACTERS)}", markup=False, soft_wrap=True)


def _log(log: Path | None, settings: Path | None) -> Path:
    if log is not None:
        return log
    named = settings_from(settings, _NO_FLAGS).decision_log if settings else None
    if named is None:
        raise ConfigurationInvalid("no decision log is named; give --log FILE, or - and pipe the gate's output in")
    return named


def _find(log: Path, name: str) -> Mapping[str, Any]:
    for line in lines(log, holding=name.encode()):
        if isinstance(line, dict) and line.get("id") == name:
            for later in ("grounds", "event"):  # of a version before they were recorded
                line.setdefault(later, None)
            document = Document(str(log), data=line)  # type: ignore[arg-type]
            schema.check(document, "decision")
            if document.problems:
                told = f"{log}: the line of {name} is none of this version's: {document.problems[0].path} "
                raise ConfigurationInvalid(told + document.problems[0].text)
            return line
    raise ConfigurationInvalid(f"{log}: there is no decision {name}")


def _sentences(line: Mapping[str, Any]) -> Iterator[str]:
    who = line["who"]
    from_where = ", ".join(part for part in (who["address"], who["user_agent"]) if part)
    yield f"Decision {line['id']}, {line['time']}"
    caller = (who["name"] or "Somebody") + (f" ({from_where})" if from_where else "")
    yield f"{caller} {_DID[line['operation']]} {line['reference']}."
    yield f"It is {line['digest']}." if line["digest"] else "It was decided before any content came."
    yield ""
    yield from _answer(line)
    yield from _grounds(line["grounds"])
    yield from _findings(line)
    yield from (f"Warning: {text}." for text in line["warnings"])
    yield ""
    took = "It was decided before, and used again" if line["cached"] else f"It took {line['took_ms']} ms"
    yield f"{took}; it held until {line['valid_until']}. Policies in force: {line['policies'][:12]}."


def _answer(line: Mapping[str, Any]) -> Iterator[str]:
    by = f" by policy {line['policy']}" if line["policy"] else ""
    by += f", rule {line['rule']}" if line["rule"] else ""
    if line["outcome"] == "admit":
        signers = f": signed by {', '.join(line['signers'])}" if line["signers"] else ""
        yield f"{_CAME['admit']}{signers}."
    else:
        yield f"{_CAME[line['outcome']]}{by}: {line['reason']}: {line['text']}."
        told = EXPLANATIONS[Reason(line["reason"])]
        yield f"That means: {_plain(told.meaning)}"
        yield f"What to do: {_plain(told.remedy)}"
    if line["covered_by"]:
        yield f"It is admitted by the index {line['covered_by']}, which lists it."
    for one in line["exceptions"]:
        approved = f", approved by {one['approved_by']}" if one["approved_by"] else ""
        yield (
            f"An exception of policy {one['policy']} was in force for {one['digest']}: {one['reason']}{approved}, "
            f"until {one['expires']}."
        )
    if line["event"]:
        yield _EVENTS[line["event"]]
    if line["inspected"]:
        yield "It was served all the same, to a caller with the right to inspect."


def _plain(text: str) -> str:
    """Markdown as it is read in a terminal: a link is its words."""
    return _LINK.sub(r"\1", text)


def _grounds(grounds: Mapping[str, Any] | None) -> Iterator[str]:
    """What was found."""
    if grounds is None:
        yield ""
        yield "What was found is not in this line: see the line before it about the same digest that is not `cached`."
        return
    if not grounds["artifact_types"]:
        yield ""
        yield "It is a signature or an attestation: policies are not asked about those."
        return
    evidence = grounds["evidence"]
    if evidence is None:
        yield ""
        yield "Nobody looked for signatures: no policy asks for any."
        return
    yield ""
    yield "What was found:" if any(evidence[kind] for kind in _FOUND) else "No signature was found."
    for one in evidence["signatures"]:
        by, proof = _signer(one["signer"]), _PROOFS[one["log"]]
        yield f"  - a signature by {by}, {_when(one['signed_at'])}; {proof} ({one['source']})"
    for one in evidence["attestations"]:
        by = _signer(one["fact"]["signer"])
        yield f"  - an attestation of type {one['predicate_type']} by {by}, {_when(one['fact']['signed_at'])}"
    for one in evidence["rejected"]:
        yield f"  - one that does not count: {one['reason']}: {one['text']} ({one['source']})"
    for one in evidence["unavailable"]:
        yield f"  - something that could not be read: {one['reason']}: {one['text']}"


def _findings(line: Mapping[str, Any]) -> Iterator[str]:
    found = dict.fromkeys((one["policy"], one["rule"], one["reason"], one["text"]) for one in line["findings"])
    if found:
        yield ""
        yield "What the rules say to that:"
    for policy, rule, reason, text in found:
        yield f"  - {policy}, {rule}: {reason}: {text}"


def _signer(signer: Mapping[str, Any]) -> str:
    if "key" in signer:
        return f"the key with the fingerprint {signer['key'][:16]}…"
    root = "" if signer["trusted_root"] == "default" else f", trusted root {signer['trusted_root']}"
    return f"{signer['identity']} (issuer {signer['issuer']}{root})"


def _when(signed_at: list[str]) -> str:
    if not signed_at:
        return "at a time that nobody vouches for"
    return "at " + " and ".join(moment.partition(".")[0] + "Z" for moment in signed_at)
