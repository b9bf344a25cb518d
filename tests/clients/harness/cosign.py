"""Real cosign, 2.x and 3.x, with keys and without a transparency log: no public log can be reached from a test."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.process import Result, Shell
from harness.programs import need

_COMMAND = re.compile(r"`(cosign sign --key <private key of [^>`]+> [^`]+)`")
_PLACEHOLDER = re.compile(r"<private key of [^>]+>")
_NO_PASSPHRASE = {"COSIGN_PASSWORD": ""}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair as `cosign generate-key-pair` writes it, without a passphrase."""

    private: Path
    public: Path


def generate(shell: Shell, name: str) -> KeyPair:
    """Make a new key pair: `NAME.key` and `NAME.pub` in the shell's home."""
    shell.must(need("cosign2"), "generate-key-pair", "--output-key-prefix", name, **_NO_PASSPHRASE)
    return KeyPair(shell.home / f"{name}.key", shell.home / f"{name}.pub")


class Cosign:
    """One version of cosign: 2 keeps signatures at the tag `sha256-….sig`, 3 writes bundles as referrers."""

    def __init__(self, shell: Shell, major: int) -> None:
        self._shell = shell
        self._program = need(f"cosign{major}")
        self._no_log: tuple[str, ...] = ("--tlog-upload=false",)
        self._no_services: tuple[str, ...] = ()
        if major == 3:
            # A signing config and a trusted root that name no service: only so does cosign 3 ask for none.
            config, root = shell.home / "signing-config.json", shell.home / "trusted-root.json"
            shell.must(self._program, "signing-config", "create", "--out", config)
            root.write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
            self._no_services = (f"--trusted-root={root}",)
            self._no_log = (f"--signing-config={config}", *self._no_services)

    def sign(self, reference: str, key: KeyPair) -> Result:
        """Sign an image by its digest."""
        return self._sign("--key", str(key.private), reference)

    def attest(self, reference: str, key: KeyPair, kind: str, predicate: Path) -> Result:
        """State something about an image by its digest."""
        words = ("attest", "--key", str(key.private), "--type", kind, "--predicate", str(predicate), reference)
        return self._shell.run(self._program, *words, *self._no_log, "--yes", **_NO_PASSPHRASE)

    def copy(self, source: str, target: str) -> Result:
        """Copy an image with its signatures."""
        return self._shell.run(self._program, "copy", "--force", source, target)

    def follow(self, told: str, key: KeyPair) -> Result:
        """Run the command that a refusal tells, word by word: only the placeholder of the private key is filled in.

        Raises:
            AssertionError: the text tells no such command.
        """
        found = _COMMAND.findall(told)
        assert found, f"no command to sign with in: {told}"
        _cosign, _sign, *words = shlex.split(_PLACEHOLDER.sub(shlex.quote(str(key.private)), found[0]))
        return self._sign(*words)

    def verify(self, reference: str, key: KeyPair) -> Result:
        """Verify an image, as a person does who trusts nobody's gate."""
        words = ("verify", "--key", key.public, "--insecure-ignore-tlog=true", *self._no_services, reference)
        return self._shell.run(self._program, *words)

    def _sign(self, *words: str) -> Result:
        return self._shell.run(self._program, "sign", *words, *self._no_log, "--yes", **_NO_PASSPHRASE)
