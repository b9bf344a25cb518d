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
CURSOR_CHARACTERS: Final = 1024  # ours: a `last` of a registry's own making
LISTING_PAGE_BYTES: Final = 4 * 1024 * 1024  # ours: one page of a tag listing
REQUEST_TARGET_BYTES: Final = 8190  # aiohttp's own bound on a request line
POLICY_BYTES: Final = 1024 * 1024  # design section 3
POLICY_DEPTH: Final = 32  # design section 3
POLICY_VALUES: Final = 20_000  # ours: keys, items and texts of one file; they take a few hundred bytes each
PROBLEMS: Final = 100  # ours: errors told of one file
PROBLEM_CHARACTERS: Final = 500  # ours: of one error's text
SHOWN_CHARACTERS: Final = 100  # ours: of a line in which something is wrong
SUGGESTED_CHARACTERS: Final = 64  # ours: of a word that a "did you mean" is looked for
GLOB_CHARACTERS: Final = 1000  # ours: one in a policy
MATCHED_CHARACTERS: Final = 4096  # ours: of a text that a glob or regular expression is tried on; none matches more
CONFIGURATION_FILE_BYTES: Final = 1024 * 1024  # ours: one policy, key, settings or trusted root file
REGEXP_CHARACTERS: Final = 1000  # ours: one in a policy
REGEXP_MEMORY_BYTES: Final = 256 * 1024  # ours: RE2's compiled form of it; bounds what one character can cost
REGEXPS_IN_MEMORY: Final = 1024  # ours: compiled, with captures filled in
GLOBS_IN_MEMORY: Final = 4096  # ours: the same of globs
POLICY_FILES: Final = 1000  # ours
DECISION_LINE_BYTES: Final = 4 * 1024 * 1024  # ours: one line of a decision log; a hundred signatures take under 1 MiB
IMPORT_DOCUMENTS: Final = 200  # ours: in one file of another gate's policies
POLICY_WATCH_SECONDS: Final = 1.0  # ours: between two looks of `check --watch` at files; people wait for it
RECHECK_SECONDS: Final = 30.0  # ours: after which `check --watch` asks the registry again, unless told otherwise

# Evidence.
CANDIDATES: Final = 100  # cosign's cap on signatures per image (GHSA-vfp6)
KNOWN_CARRIERS: Final = 32  # ours: of one digest, those that counted before; read before CANDIDATES others
REFERRERS_LISTED: Final = 1000  # ours: descriptors taken from the API; of these the likely ones are read first
REFERRERS_PAGES: Final = 10  # ours: enough for CANDIDATES at ten a page
SIGNATURE_BLOB_BYTES: Final = 4 * 1024 * 1024  # containers/image's cap on one signature
CARRIER_BLOBS: Final = 101  # a config and CANDIDATES layers
LISTING_INDEXES: Final = 16  # ours: indexes asked whether they cover one child
INDEX_DEPTH: Final = 4  # ours: an index in an index in an index
ADMITTED_LISTINGS_IN_MEMORY: Final = 50_000  # ours: blobs and children, each with the manifest admitted last
CARRIERS_IN_MEMORY: Final = 20_000  # ours: manifests known to be carriers, about 300 bytes each
CARRIER_SECONDS: Final = 30.0  # ours: to read all blobs of one carrier; past it the answer is undetermined
LISTING_MANIFESTS: Final = 64  # ours: manifests of a repository asked whether they admit one blob
DISCOVERIES: Final = 16  # ours: evidence gatherings at a time, for each registry
DISCOVERY_FETCHES: Final = 8  # ours: requests to the upstream at a time for one digest's evidence
DISCOVERY_SECONDS: Final = 30.0  # ours: past it the answer is undetermined
VERIFICATION_THREADS: Final = 2  # measured: more gain nothing (the verifier holds the GIL for most of its time)

# Signatures: what is larger is refused unread, so that no candidate takes more than about 100 ms.
PUBLIC_KEY_BYTES: Final = 16 * 1024  # ours: one PEM public key; RSA-8192 takes 1.5 KiB
HOLD_SECONDS: Final = 24 * 3600.0  # design section 6: the one permitted loss of an acknowledged push
HOLD_MOST_SECONDS: Final = 30 * 24 * 3600  # ours: what nobody signs in a month nobody will
HOLDS_IN_MEMORY: Final = 10_000  # ours: about 1 KiB each
HOLD_SWEEP_SECONDS: Final = 5.0  # ours: how often holds that are due or over are looked for
HOLDS_PER_SWEEP: Final = 100  # ours: those that are due are judged one after the other
HOLDS_PER_DIGEST: Final = 100  # ours: tags of one image that a signature is looked at for; the sweeps do the rest
PUBLIC_KEYS_IN_MEMORY: Final = 1024  # ours: those that were loaded last, about 1 KiB each
AUTHORITIES_IN_MEMORY: Final = 64  # ours: of the trusted roots, what is worked out once for each
ATTESTATION_BYTES: Final = SIGNATURE_BLOB_BYTES  # ours: an SBOM takes up to some MiB; read only where a rule asks
BUNDLE_BYTES: Final = 256 * 1024  # ours: a signature's bundle takes 5 to 20 KiB
SIGNED_PAYLOAD_BYTES: Final = BUNDLE_BYTES // 2  # ours: a signature's payload takes under 1 KiB, its annotations apart
LOG_ENTRY_BYTES: Final = 64 * 1024  # ours: cosign's annotation takes 1 to 5 KiB
CERTIFICATE_BYTES: Final = 32 * 1024  # ours: Fulcio's take 1 to 3 KiB
CHECKPOINT_CHARACTERS: Final = 16 * 1024  # ours: Rekor's take 200, each witness adds 200
CHECKPOINT_SIGNATURES: Final = 32  # ours: the log's and its witnesses'
CHAIN_CERTIFICATES: Final = 6  # ours: from a leaf to its root; Fulcio's and the timestamp authorities' have 2 or 3
LOG_ENTRIES: Final = 8  # ours: of one signature; cosign writes one, sigstore-go reads at most 32
TIMESTAMPS: Final = 8  # ours: the same; each takes 2 ms
TIMESTAMP_BYTES: Final = 16 * 1024  # ours: a TimeStampResp takes 1 to 6 KiB
SCTS: Final = 8  # ours: of one certificate; Fulcio's have one
LOG_ANSWER_BYTES: Final = 512 * 1024  # ours: Rekor's take 5 to 20 KiB, and with a stored attestation 140 more
LOG_SECONDS: Final = 10.0  # ours: one answer of a log whole, however it drips
LOG_FETCHES: Final = 4  # ours: requests to logs at a time over the whole gate
LOG_PROOFS_IN_MEMORY: Final = 20_000  # ours: entries that a log has proven, about 300 bytes each
PROOF_HASHES: Final = 64  # an inclusion proof in a tree of 2^64 entries (RFC 9162 section 2.1.3)
RSA_LEAST_BITS: Final = 2048  # attacks A32; NIST SP 800-131A
RSA_MOST_BITS: Final = 8192  # ours: what is larger takes too long to verify
RSA_LEAST_EXPONENT: Final = 65537  # FIPS 186-5 section 5.1, as the next; what is smaller has been forged
RSA_EXPONENT_BITS: Final = 256

# Conditions and schemas over predicates.
CONDITION_CHARACTERS: Final = 2000  # ours: one CEL expression; measured: ten times as much still compiles in 10 ms
CONDITION_DEPTH: Final = 16  # ours: brackets in brackets of one
CONDITION_LOOPS: Final = 3  # ours: macros in macros (`all`, `exists`, ...); each multiplies the work
SCHEMA_CHARACTERS: Final = 256 * 1024  # ours: a JSON Schema of a policy; CycloneDX's own takes 200 KiB
CONDITION_WORKERS: Final = 2  # ours: processes; one is enough, the other is for when a condition holds one up
CONDITION_SECONDS: Final = 5.0  # ours: one attestation's schema and conditions; measured: 0.8 s for an SBOM of 4 MiB
CONDITION_ANSWER_SECONDS: Final = 30.0  # ours: the same, with waiting for a worker; DISCOVERY_SECONDS is as long
CONDITION_START_SECONDS: Final = 30.0  # ours: for a worker to be ready; measured: 0.3 s on an idle machine
CONDITION_MEMORY_BYTES: Final = 512 * 1024 * 1024  # ours: address space of a worker; measured: 200 MiB for such an SBOM
CONDITION_REQUEST_BYTES: Final = 32 * 1024 * 1024  # ours: a statement of SIGNATURE_BLOB_BYTES, escaped, with a schema
CONDITION_ANSWER_BYTES: Final = 16 * 1024  # ours: what a worker may answer
CONDITION_SUSPECT_SECONDS: Final = 60.0  # ours: how long a test that took too long shares one worker with its like
CONDITION_SUSPECTS: Final = 256  # ours: how many such tests are remembered
CONDITION_NOW_SECONDS: Final = 60.0  # ours: how long the answer to a condition that mentions `now` is used
CONDITION_PROGRAMS: Final = 256  # ours: compiled conditions, and as many schemas, that a worker remembers
CONDITION_TEXT_CHARACTERS: Final = 800  # ours: what is told of the conditions that do not hold
CONDITION_VALUES: Final = 6  # ours: values told of one condition
CONDITION_ENTRIES: Final = 100  # ours: of a list, among which the one that a condition fails for is looked for
CONDITION_VALUE_CHARACTERS: Final = 120  # ours: of each

# Trusted roots.
TRUSTED_ROOT_REFRESH_SECONDS: Final = 6 * 3600.0  # ours: a key that a Sigstore retires is out of use within a day
TRUSTED_ROOT_RETRY_SECONDS: Final = 60.0  # ours: after a failure; doubled up to the above
TUF_SECONDS: Final = 60.0  # ours: one refresh whole, however it drips (attacks A28)
TUF_READ_SECONDS: Final = 10.0  # ours: without a byte, of one refresh
TUF_METADATA_BYTES: Final = 1024 * 1024  # ours: one metadata file; Sigstore's take under 20 KiB
TUF_ROOT_ROTATIONS: Final = 64  # ours: new root.json taken in one refresh; Sigstore makes two or three a year

# Commands.
FILE_IN_MEMORY_BYTES: Final = 64 * 1024 * 1024  # ours: of a file for `verify-bundle`; what is larger is hashed only

# Decisions.
ADMIT_TTL_SECONDS: Final = 3600.0  # design section 5: default of `admit_ttl`
ADMIT_TTL_MOST_SECONDS: Final = 86_400  # ours: the longest that `admit_ttl` can be
DENY_TTL_SECONDS: Final = 5.0  # design section 5: "kept seconds"
MANIFESTS_IN_MEMORY_BYTES: Final = 32 * 1024 * 1024  # ours: parsed, they take a few times as much
RESOLUTIONS_IN_MEMORY: Final = 4096  # ours: (repository, operation, tag) whose covering policies are remembered
DECISIONS_IN_MEMORY: Final = 50_000  # ours: about 1 KiB each
RETRY_AFTER_SECONDS: Final = 5  # what an undetermined answer tells the client

# State.
LISTINGS_IN_MEMORY: Final = 20_000  # ours: manifests that list, or things listed, about 2 KiB each
RECORDED_IN_MEMORY: Final = 50_000  # ours: manifests known to be recorded; a warm pull then writes nothing
STATE_BUSY_SECONDS: Final = 5.0  # ours: how long a statement waits for another process's write
STATE_READERS: Final = 2  # ours: threads that read the state beside the one that writes it
SAVES_PER_PRUNE: Final = 256  # ours: every so many decisions saved, those that are over are dropped
RECORDS_PER_PRUNE: Final = 1024  # ours: every so many manifests recorded, those that nobody asked for are dropped
ROWS_PER_PRUNE: Final = 4096  # ours: at most so many, so that nobody waits for it
UNUSED_SECONDS: Final = 90 * 86400.0  # ours: of a row that nobody asks for; a pull of its manifest brings it back
USED_SECONDS: Final = 86400.0  # ours: that a row is of use is written at most so often
STATE_CONNECT_SECONDS: Final = 5  # ours: for a connection to PostgreSQL, and for a word on one that there is
STATE_STATEMENT_SECONDS: Final = 10  # ours: each is a few rows by an index
STATE_ANSWER_SECONDS: Final = 15.0  # ours: for a piece of work, with the time that it waits for a thread (attacks F9)
STATE_KEEPALIVE_SECONDS: Final = 10  # ours: a connection whose other end vanished is found out
TURN_CONNECTIONS: Final = 32  # ours: turns of this replica at a time, each of a connection
TURN_SECONDS: Final = 30.0  # ours: how long a push waits for its turn; a release takes some requests of the registry
TURN_LOOK_SECONDS: Final = 0.05  # ours: how often one who waits asks
STATE_KEY_BYTES: Final = 32  # of HMAC-SHA256, RFC 2104 section 3: not shorter than its output

# Alerts.
ALERTS_WAITING: Final = 200  # ours: of one kind, for one webhook; a few hundred bytes each
ALERTS_REMEMBERED: Final = 2000  # ours: told already; the same again says nothing new
ALERT_AGAIN_SECONDS: Final = 3600.0  # ours: after this it is told again, with how often it happened
ALERT_CHARACTERS: Final = 2000  # of the text; Slack takes 3000 (docs.slack.dev, "Text object") and 2000 in a context
ALERT_ANSWER_SECONDS: Final = 10.0  # ours: for one webhook's answer
ALERT_RETRY_SECONDS: Final = 1.0  # ours: twice as long each time
ALERT_RETRY_MOST_SECONDS: Final = 300.0  # ours
ALERT_AGE_SECONDS: Final = 3600.0  # ours: what is older is not tried again
ALERT_TRIES: Final = 12  # ours: about 20 minutes, for one that waits alone
ALERTS_LEAVE_SECONDS: Final = 5.0  # ours: for what waits when the gate stops
ALERT_WEBHOOKS: Final = 16  # ours
ALERT_URL_CHARACTERS: Final = 2048  # ours

# For whoever runs it.
HEALTH_SECONDS: Final = 2.0  # ours: for an upstream's or the state's word that it is there; probes wait 1 to 5
HEALTH_KEPT_SECONDS: Final = 5.0  # ours: probes and scrapes ask at most so often
TRACE_EXPORT_SECONDS: Final = 5.0  # ours: for a collector's answer, in a thread of its own
TRACES_WAITING: Final = 2048  # spans, of OpenTelemetry's specification ("Batching processor"); further ones are dropped
LOGGED_PATH_CHARACTERS: Final = 600  # ours: a name has 255 at most (distribution-spec), a digest 135
ADMIN_STOP_SECONDS: Final = 1.0  # ours: for a scrape that is being answered

# Upstream.
CONNECT_SECONDS: Final = 5.0  # attacks F2
FIRST_BYTE_SECONDS: Final = 30.0  # attacks F2
NAME_FAILURE_SECONDS: Final = 5.0  # ours: a host name that did not resolve is not looked up again (attacks F25)
IDLE_READ_SECONDS: Final = 60.0  # attacks F2; a blob has no bound in all
DOCUMENT_SECONDS: Final = 60.0  # ours: a manifest, listing, signature blob or error body whole, however it drips
UPLOAD_ANSWER_SECONDS: Final = 300.0  # ours: registries on object storage copy a blob before they answer its last PUT
REDIRECTS: Final = 3  # attacks B25
CHALLENGES: Final = 8  # ours: `WWW-Authenticate` values of one answer
CHALLENGE_CHARACTERS: Final = 4096  # ours: real ones stay under 500
RETRY_AFTER_MOST_SECONDS: Final = 86_400  # ours: of an upstream's `Retry-After`, what is passed on
UPSTREAM_CONNECTIONS: Final = 256  # ours
RELAY_CHUNK_BYTES: Final = 1024 * 1024  # measured: the size at which a relay stops being the limit

DRAIN_SECONDS: Final = 60.0  # attacks F12: Distribution's and aiohttp's own default
LEAVE_MOST_SECONDS: Final = 300  # ours: of the setting `drain`, which comes before

# Texts.
REASON_PHRASE_CHARACTERS: Final = 200  # what containerd and the kubelet print in one line
MESSAGE_CHARACTERS: Final = 2000  # docker and podman print it whole
CATALOG_PAGES: Final = 10  # ours: pages of a registry's catalog that are read on for one of the gate's
LISTING_ENTRIES: Final = 1000  # Distribution's own maximum of `n`

# The edge.
HEADER_FIELD_BYTES: Final = 16 * 1024  # ours: cloud registries' tokens pass 8 KiB
HEADERS: Final = 128  # aiohttp's own bound
ACCEPTED_TYPES: Final = 64  # ours: Docker names 8
CALLER_CHARACTERS: Final = 200  # ours: of a User-Agent or user name, in the decision log
WARNINGS: Final = 4  # ours: clients print each of them
KEEPALIVE_SECONDS: Final = 75.0  # nginx's: how long a connection may rest between two requests
HEAD_SECONDS: Final = 15.0  # attacks F17: for a TLS handshake, and for the head of a request
CONNECTIONS: Final = 10_000  # attacks F16: open at a time; measured there: 10k idle ones take 52 MiB
RELOAD_LOOK_SECONDS: Final = 10.0  # ours: how soon a change is taken that the system gave no notice of
RELOAD_QUIET_SECONDS: Final = 0.05  # ours: how long nothing more must change before files are read (attacks F14: 1 s)
RELOAD_BATCH_SECONDS: Final = 0.5  # ours: and how long that is waited for
RELOAD_TORN: Final = 5  # ours: times that files changed while they were read, before that counts as a problem
TLS_LOOK_SECONDS: Final = 10.0  # ours: how soon a new certificate is taken
LINGER_SECONDS: Final = 5.0  # nginx's: how long a refused upload is read on, so that the client sees the answer
STALLED_CLIENT_SECONDS: Final = 120.0  # ours: a reader that takes nothing for so long is gone (attacks F17)
RECEIVE_BYTES: Final = 256 * 1024  # measured: what one read of asyncio's transport brings at most
CUT_SECONDS: Final = 0.5  # ours: how long a handler has to end after the grace is over

# Clients of the gate.
CREDENTIAL_FILE_SECONDS: Final = 1.0  # ours: how long after a change of a password file the old one may still count
HTPASSWD_USERS: Final = 10_000  # ours
BCRYPT_MOST_COST: Final = 14  # ours: about a second of one core for each new password
BCRYPT_PASSWORD_BYTES: Final = 72  # bcrypt looks at no more; what is longer is refused, not cut
PASSWORD_THREADS: Final = 2  # ours: passwords checked at a time
PASSWORDS_WAITING: Final = 64  # ours: further ones are 503 (a flood of wrong passwords must not fill the memory)
PASSWORDS_IN_MEMORY: Final = 1024  # ours: verified ones, as keyed hashes
PASSWORD_SECONDS: Final = 300.0  # ours: how long one is remembered at most
IDENTITY_CHARACTERS: Final = 200  # ours: a user name or group; Kubernetes' service accounts take at most 150
IDENTITY_GROUPS: Final = 200  # ours: of one token (Azure's own bound)
IDENTITY_TOKEN_BYTES: Final = 12 * 1024  # ours: sealed and in base64 it must still fit into a header field
TOKEN_LEEWAY_SECONDS: Final = 30.0  # ours: how far an issuer's clock may be off
KEY_SET_BYTES: Final = 256 * 1024  # ours: one JWKS or discovery document
KEY_SET_KEYS: Final = 64  # ours
KEY_SET_SECONDS: Final = 600.0  # ours: how long a fetched JWKS is used without asking again
KEY_SET_STALE_SECONDS: Final = 3600.0  # ours: how long it is used when asking fails
KEY_SET_RETRY_SECONDS: Final = 30.0  # ours: between two fetches, whatever keys tokens name
ISSUER_SECONDS: Final = 10.0  # ours: one document of an issuer whole
GATE_TOKEN_SECONDS: Final = 300  # ours: a token of the gate's own; what it stands for is checked each time it is used
TOKEN_SCOPES: Final = 8  # ours: of one token request; clients ask for one, for two when they mount

# Credentials of the gate.
TOKEN_ANSWER_BYTES: Final = 64 * 1024  # ours: a token server's answer; tokens themselves end at HEADER_FIELD_BYTES
TOKEN_LEAST_SECONDS: Final = 60  # distribution's token specification: what `expires_in` is when it is not said
TOKEN_MOST_SECONDS: Final = 3600  # ours: no token is used longer, whatever its server says
TOKEN_MARGIN_SECONDS: Final = 10.0  # ours: a token is not used for the last seconds of its time
TOKENS_IN_MEMORY: Final = 10_000  # ours: under 16 KiB each, mostly 2
TOKEN_SERVERS: Final = 4  # ours: of one upstream; there is one
REFRESH_TOKEN_CHARACTERS: Final = 8192  # ours: an identity token of a Docker configuration
CREDENTIAL_HELPER_SECONDS: Final = 10.0  # ours: one run of a docker-credential-* program
CREDENTIAL_HELPER_BYTES: Final = 64 * 1024  # ours: what it may print
TOKEN_QUIET_SECONDS: Final = 60.0  # ours: how long a token server's 429 is believed at most
HELPER_SECONDS: Final = (
    10.0  # ours: how long a credential helper's answer is not asked for again, though it was refused
)
CREDENTIAL_SECONDS: Final = 300.0  # ours: how long what it said is used; ECR's last 12 hours, GCR's one
