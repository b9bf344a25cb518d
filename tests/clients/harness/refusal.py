"""What a person must read when the gate refuses: asserted on the client's own output."""

from dataclasses import dataclass

from harness.clients import Client
from harness.process import Result
from harness.servers import Server


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal.

    Args:
        why: the reason in the message's words.
        reason: its stable code, in the status line.
    """

    policy: str
    rule: str
    why: str
    reason: str

    def told_by(self, client: Client, result: Result, repository: str, digest: str, gate: Server) -> None:
        """Assert that the person at this client was told it, and what to do, as far as the client shows anything."""
        assert not result.ok, result.output
        if client.shows_message:
            self.in_message(result, repository, digest, gate)
        else:
            assert f"403 Denied by policy {self.policy}: {self.reason}" in result.output

    def in_message(self, result: Result, repository: str, digest: str, gate: Server) -> None:
        """Assert the whole story: what, by which policy and rule, why, and the command that would help."""
        assert not result.ok, result.output
        for part in (
            repository,
            digest,
            f"denied by policy {self.policy}",
            f"rule {self.rule}",
            self.why,
            f"`cosign sign --key <private key of release> {gate.host}/{repository}@{digest}`",
        ):
            assert part in result.output
