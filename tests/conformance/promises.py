"""Where the gate differs on purpose: each check exactly as it ends, and which promise makes it so.

An entry that no longer differs, or differs in another way, fails the run as any other difference does.
"""

from results import Difference

_WHOLE_ERRORS = (
    "The registry answers 416 with the blob's length and no body, which clients read as a broken answer. "
    "Every error of the gate is a whole OCI error."
)
_DIGESTS_ARE_READ = (
    "What is no digest is refused with 400 and never reaches the registry (attacks B14), which answers 500 or 404."
)
_NOTHING_STORED = (
    "The registry answers 500 to a malformed digest and keeps the manifest; through the gate nothing came."
)
_NO_URLS = "A layer that is said to be elsewhere (urls) is refused on push (attacks B38); the registry fails with 500."
_CANCELLED = "The registry answers 202 where the specification has 204; the gate says 204."

PROMISES: dict[str, dict[Difference, str]] = {
    "docker-registry": {
        Difference("sha256 blobs/range requests/range 500-0", "failure GET=416", "passed GET=416"): _WHOLE_ERRORS,
        Difference("sha256 blobs/range requests/range 5000-10000", "failure GET=416", "passed GET=416"): _WHOLE_ERRORS,
        Difference("non-distributable-layers/push/manifest-by-digest", "failure PUT=500", "failure PUT=400"): _NO_URLS,
        Difference("non-distributable-layers/push/manifest-by-tag", "failure PUT=500", "failure PUT=400"): _NO_URLS,
        Difference("invalid-digest-format/manifest-put", "failure PUT=500", "passed PUT=400"): _DIGESTS_ARE_READ,
        Difference("invalid-digest-format/manifest-get", "failure GET=500", "passed GET=400"): _DIGESTS_ARE_READ,
        Difference(
            "invalid-digest-format/delete/manifest-delete", "passed DELETE=202 HEAD=404", "passed DELETE=404 HEAD=404"
        ): _NOTHING_STORED,
    },
    "olareg": {
        Difference(
            "sha256 blobs/post cancel/blob-post-cancel", "failure DELETE=202 POST=202", "passed DELETE=204 POST=202"
        ): _CANCELLED,
        Difference(
            "sha512 blobs/post cancel/blob-post-cancel", "failure DELETE=202 POST=202", "passed DELETE=204 POST=202"
        ): _CANCELLED,
        Difference("invalid-digest-format/manifest-get", "passed GET=404", "passed GET=400"): _DIGESTS_ARE_READ,
    },
}
"""By registry, each difference and its reason."""
