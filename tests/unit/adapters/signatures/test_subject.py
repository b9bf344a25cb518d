"""What is signed is about the digest in question, whichever way it was opened (attacks A19)."""

import pytest

from sealgate.adapters.signatures import subject
from sealgate.adapters.signatures.opened import SignedDigest
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.subject import Subject
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest


def test_a19_a_file_that_was_signed_is_the_one_in_question() -> None:
    asked = Subject(digest=Digest.of(b"a file"))
    assert subject.check(SignedDigest(digest=asked.digest), asked) == ("", None)
    for other in (Digest.of(b"another file"), Digest.of(b"a file", "sha512")):
        with pytest.raises(Rejected, check=lambda bad: bad.reason is Reason.SUBJECT_MISMATCH):
            subject.check(SignedDigest(digest=other), asked)
