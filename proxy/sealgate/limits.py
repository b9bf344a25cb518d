"""Every bound, with its unit and where the number comes from. Past a bound the answer is a refusal, never a part."""

from typing import Final

# Names (distribution-spec 1.1, "Pulling manifests"; 255 is the length every client accepts with its host).
REPOSITORY_CHARACTERS: Final = 255
TAG_CHARACTERS: Final = 128

# Documents.
MANIFEST_BYTES: Final = (
    4 * 1024 * 1024
)  # distribution-spec 1.1, "Pushing manifests": at least 4 MiB; containers/image caps there
MANIFEST_DESCRIPTORS: Final = 10_000  # ours: config, layers and children of one manifest
JSON_DEPTH: Final = 32  # ours: real manifests stay under 8
ERROR_BODY_BYTES: Final = 64 * 1024  # go-containerregistry caps error bodies there
UPSTREAM_ERRORS: Final = 4  # ours: of an upstream's error body, how many are passed on
REFERRERS_PAGE_BYTES: Final = 4 * 1024 * 1024  # a referrers answer is an index
LISTING_PAGE_BYTES: Final = 4 * 1024 * 1024  # ours: one page of a tag listing
REQUEST_TARGET_BYTES: Final = 8190  # aiohttp's own bound on a request line
POLICY_BYTES: Final = 1024 * 1024  # design section 3
POLICY_DEPTH: Final = 32  # design section 3
POLICY_FILES: Final = 1000  # ours

# Evidence.
CANDIDATES: Final = 100  # cosign's cap on signatures per image (GHSA-vfp6)
REFERRERS_PAGES: Final = 10  # ours: enough for CANDIDATES at ten a page
SIGNATURE_BLOB_BYTES: Final = 4 * 1024 * 1024  # containers/image's cap on one signature
CARRIER_BLOBS: Final = 101  # a config and CANDIDATES layers
INDEX_DEPTH: Final = 4  # ours: an index in an index in an index
LISTING_MANIFESTS: Final = 64  # ours: manifests of a repository asked whether they admit one blob
DISCOVERIES: Final = 16  # ours: evidence gatherings at a time over the whole gate
DISCOVERY_SECONDS: Final = 30.0  # ours: past it the answer is undetermined
VERIFICATION_THREADS: Final = 2  # measured: more gain nothing (the verifier holds the GIL for most of its time)

# Decisions.
ADMIT_TTL_SECONDS: Final = 3600.0  # design section 5: default of `admit_ttl`
DENY_TTL_SECONDS: Final = 5.0  # design section 5: "kept seconds"
DECISIONS_IN_MEMORY: Final = 50_000  # ours: about 1 KiB each
RETRY_AFTER_SECONDS: Final = 5  # what an undetermined answer tells the client

# Upstream.
CONNECT_SECONDS: Final = 5.0  # attacks F2
FIRST_BYTE_SECONDS: Final = 30.0  # attacks F2
IDLE_READ_SECONDS: Final = 60.0  # attacks F2; a blob has no bound in all
REDIRECTS: Final = 3  # attacks B25
UPSTREAM_CONNECTIONS: Final = 256  # ours
RELAY_CHUNK_BYTES: Final = 1024 * 1024  # measured: the size at which a relay stops being the limit

# Texts.
REASON_PHRASE_CHARACTERS: Final = 200  # what containerd and the kubelet print in one line
MESSAGE_CHARACTERS: Final = 2000  # docker and podman print it whole
LISTING_ENTRIES: Final = 1000  # Distribution's own maximum of `n`
