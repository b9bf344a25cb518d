"""`sealgate verify-bundle`: one Sigstore bundle over one file, judged by the gate's own verifier.

The interface is that of sigstore-conformance's clients (docs/cli_protocol.md there): its suite can be run on it.
"""

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate.adapters import files
from sealgate.adapters.clock import SystemClock
from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.adapters.trusted_roots import public_good
from sealgate.cli.exits import Exit, readable_errors
from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.evidence.signature import Evidence, LogProof, RejectedCandidate, VerifiedSignature
from sealgate.limits import FILE_IN_MEMORY_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.wire import printable
from sealgate.policy.matchers import Exact
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Policy, Rule
from sealgate.policy.rules import judge

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_DEFAULT: Final = "default"
_LINE_CHARACTERS: Final = 1000


def verify_bundle(
    artifact: Annotated[str, typer.Argument(metavar="FILE_OR_DIGEST", help="The file, or its digest as sha256:….")],
    bundle: Annotated[Path, typer.Option(metavar="FILE", help="The Sigstore bundle.")],
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The PEM public key that signed it.")] = None,
    certificate_identity: Annotated[
        str | None, typer.Option(metavar="IDENTITY", help="Who signed it, exactly as the certificate has it.")
    ] = None,
    certificate_oidc_issuer: Annotated[
        str | None, typer.Option(metavar="URL", help="On whose word the certificate was issued.")
    ] = None,
    trusted_root: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A trusted_root.json, instead of the public good one.")
    ] = None,
    staging: Annotated[bool, typer.Option("--staging", help="Believe Sigstore's staging instance instead.")] = False,
) -> None:
    """Verify a Sigstore bundle over a file, or over a digest.

    Give --key, or --certificate-identity and --certificate-oidc-issuer. A certificate counts with a log entry and its
    inclusion proof; of a key, a log entry must hold if there is one. Any statement about the file will do. Nobody is
    called. Exit status: 0 verified, 1 not verified (why is on stderr), 2 wrong usage.
    """
    with readable_errors():
        rule = _rule(key, certificate_identity, certificate_oidc_issuer)
        roots = {_DEFAULT: _root(trusted_root, staging=staging)}
        raw = files.read(bundle)
        content = _artifact(artifact)
        verifier = SigstoreVerifier(roots)
    now = SystemClock().now()
    keys = [wanted.key for wanted in rule.alternatives if isinstance(wanted, KeyRequirement)]
    found = verifier.verify_bundle(raw, content, keys, now)
    subject = Digest.of(content) if isinstance(content, bytes) else content
    good = isinstance(found, VerifiedSignature)
    evidence = Evidence(
        subject=subject,
        # Any statement about the artifact will do: what is asked is who signed it.
        signatures=(replace(found, stated=None),) if isinstance(found, VerifiedSignature) else (),
        rejected=(found,) if isinstance(found, RejectedCandidate) else (),
    )
    result = judge(Policy(name=rule.name, repositories=(), rules=(rule,)), rule, evidence, now)
    if good and result.satisfied:
        print(printable(f"verified: {subject}, signed by {', '.join(result.signers)}", _LINE_CHARACTERS))
        return
    for finding in result.findings:
        print(printable(f"sealgate: {finding.reason.value}: {finding.text}", _LINE_CHARACTERS), file=sys.stderr)
    raise typer.Exit(Exit.DENY)


def _rule(key: Path | None, identity: str | None, issuer: str | None) -> Rule:
    """What is asked of the signature, as a policy would say it."""
    if key is not None:
        if identity is not None or issuer is not None:
            raise ConfigurationInvalid("give --key, or an identity and its issuer, not both")
        try:
            wanted = KeyRequirement(name=str(key), key=read_public_key(files.read(key)))
        except KeyRejected as bad:
            raise ConfigurationInvalid(f"{key}: {bad}") from bad
        return Rule(name="verify-bundle", alternatives=(wanted,), log=LogProof.NONE)
    if not identity or not issuer:  # an empty issuer would be no check at all (attacks A23)
        text = "give --key, or --certificate-identity and --certificate-oidc-issuer, neither of them empty"
        raise ConfigurationInvalid(text)
    signer = KeylessRequirement(identity=Exact(identity), issuer=Exact(issuer), trusted_root=_DEFAULT)
    return Rule(name="verify-bundle", alternatives=(signer,), log=LogProof.INCLUSION)


def _root(file: Path | None, *, staging: bool) -> TrustedRootFile:
    if file is not None:
        return TrustedRootFile.read(file)
    return public_good.staging() if staging else TrustedRootFile.public_good()


def _artifact(text: str) -> bytes | Digest:
    """The file's bytes, or a digest: of a file that is large, or where what is given has that form and is no file."""
    path = Path(text)
    if _DIGEST.fullmatch(text) and not path.exists():
        return Digest.parse(text)
    try:
        with path.open("rb") as opened:
            if path.stat().st_size > FILE_IN_MEMORY_BYTES:
                return Digest.parse(f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}")
            return opened.read()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigurationInvalid(f"{text}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
