"""What the settings come to: values that need no further reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sealgate.limits import ADMIT_TTL_SECONDS, CONNECT_SECONDS, FIRST_BYTE_SECONDS, HOLD_SECONDS, IDLE_READ_SECONDS
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.policy.access import Grant
from sealgate.policy.alert import AlertKind
from sealgate.policy.model import Unmatched
from sealgate.settings.network import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTimeouts:
    """How long an upstream may take, in seconds: to connect, to begin its answer, between two pieces of it."""

    connect: float = CONNECT_SECONDS
    first_byte: float = FIRST_BYTE_SECONDS
    idle: float = IDLE_READ_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCredentials:
    """With whose right an upstream is asked.

    Args:
        pass_through: with the client's own `Authorization`. Without it, and without any of the next, anonymously.
        docker_config: a Docker `config.json` with the gate's own credentials.
        username: the gate's own.
        password_file: its password.
        relay_challenges: whether the gate's own token endpoint stands between the upstream's and clients.
        token_hosts: hosts of token endpoints on another site that may be believed (attacks B26).
    """

    pass_through: bool = True
    docker_config: Path | None = None
    username: str = ""
    password_file: Path | None = None
    relay_challenges: bool = False
    token_hosts: tuple[str, ...] = ()

    @property
    def lent(self) -> bool:
        """Whether the gate asks with credentials of its own."""
        return self.docker_config is not None or bool(self.username)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTls:
    """How TLS is spoken with an upstream.

    Args:
        ca: PEM file of those who vouch for it; None: those that the system trusts.
        certificate: PEM file of what it is shown.
        key: PEM file of the key for it.
        unsafe_skip_verification: whether its certificate is not verified at all.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    unsafe_skip_verification: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """One registry behind the gate.

    Args:
        name: `default`, or the first component of the canonical names of its repositories.
        url: its origin.
        hosts: what else means it: as a first component, in `?ns=`, in `Host`.
        credentials: with whose right it is asked.
        tls: how its certificate is verified, and which one it is shown.
        timeouts: how long it may take.
        pass_redirects: whether clients follow the redirects of blobs themselves.
        redirect_hosts: `host` or `host:port` of those that blobs may be redirected to though their addresses are not
            public.
    """

    name: str
    url: str
    hosts: tuple[str, ...] = ()
    credentials: UpstreamCredentials = UpstreamCredentials()
    tls: UpstreamTls = UpstreamTls()
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    pass_redirects: bool = False
    redirect_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedState:
    """A PostgreSQL database that several replicas share.

    Args:
        url: `postgresql://…`; it may hold a password. "" where a file has it.
        url_file: that file.
        key_file: what they seal decisions with; None shares none.
    """

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """A webhook.

    Args:
        url: where to; "" where a file has it. Whoever knows it may write there, so it is shown to nobody.
        url_file: that file.
        form: `cloudevents`, `slack` or `teams`.
        on: of what it is told.
    """

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    form: str = "cloudevents"
    on: frozenset[AlertKind] = frozenset(AlertKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The gate's own certificate: PEM files, read again when they change.

    Args:
        certificate: its certificate, with those between it and its authority.
        key: its key.
        client_ca: who vouches for clients' certificates; None asks clients for none.
        client_certificate_required: whether a client without one is turned away.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_certificate_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """One OIDC issuer whose tokens clients may show.

    Args:
        name: what identities from it begin with, before a colon.
        issuer: its `iss`, exactly.
        audiences: one of them must be in a token's `aud`.
        jwks_url: where its keys are; "" is where its discovery document says.
        jwks_file: its keys, when they are not fetched.
        ca: PEM file of those who vouch for its server; None: those that the system trusts.
        algorithms: those that tokens may be signed with.
        username_claim: which claim says who it is.
        groups_claim: which claim lists groups; "" for none.
        claims: what others must say.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    jwks_url: str = ""
    jwks_file: Path | None = None
    ca: Path | None = None
    algorithms: tuple[str, ...]
    username_claim: str = "sub"
    groups_claim: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How clients show who they are.

    Args:
        htpasswd: a file of users with passwords.
        issuers: whose tokens are believed.
        certificate_field: what of a client certificate says who it is; "" when certificates say nothing.
        anonymous: whether one who shows nothing may come in, too.
    """

    htpasswd: Path | None = None
    issuers: tuple[IssuerSettings, ...] = ()
    certificate_field: str = ""
    anonymous: bool = False

    @property
    def reads_authorization(self) -> bool:
        """Whether the `Authorization` of clients is for the gate."""
        return self.htpasswd is not None or bool(self.issuers)

    @property
    def knows_clients(self) -> bool:
        """Whether there is any way to be somebody."""
        return self.reads_authorization or bool(self.certificate_field)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """One key of the ring: a PEM file, and what stands after `cosign sign --key`."""

    public_key: Path
    sign_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRootSettings:
    """Where one trusted root comes from; with neither a file nor a repository it is the public good instance's.

    Args:
        file: a trusted_root.json.
        repository: the URL of a TUF repository that publishes one.
        repository_root: that repository's root.json, in which trust begins.
    """

    file: Path | None = None
    repository: str = ""
    repository_root: Path | None = None


def _public_good() -> Mapping[str, TrustedRootSettings]:
    return {"default": TrustedRootSettings()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to build.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        public_url: what clients call the gate; "" when nobody said.
        tls: the gate's own certificate; None listens for plain HTTP.
        upstreams: the registries.
        policies: files and folders.
        unmatched: what happens to a repository that no policy covers.
        trusted_roots: whose certificates and logs are believed, by name; `default` is always there.
        trusted_roots_folder: where those of repositories are kept; None: only while the gate runs.
        keys: the key ring, by name.
        state: the SQLite file, or the PostgreSQL database; None keeps everything in memory.
        decision_log: a file; None is stdout.
        admit_ttl: seconds for which an admission holds at most.
        hold_ttl: seconds for which a push waits for its signature.
        drain: seconds for which it still accepts connections once it is told to stop.
        catalog: whether the gate lists the registry's repositories.
        auth: how clients show who they are; None when nobody said, and nobody is asked.
        access: who may do what; None leaves it to the upstreams.
        alerts: who is told of what happens.
        admin_listen: address and port of health and metrics; None has none.
        log_format: `human` or `json`.
        traces: where a collector takes traces; "" writes none.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    tls: TlsSettings | None = None
    upstreams: tuple[UpstreamSettings, ...]
    policies: tuple[Path, ...]
    unmatched: Unmatched = Unmatched.DENY
    trusted_roots: Mapping[str, TrustedRootSettings] = field(default_factory=_public_good)
    trusted_roots_folder: Path | None = None
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    state: Path | SharedState | None = None
    decision_log: Path | None = None
    admit_ttl: float = ADMIT_TTL_SECONDS
    hold_ttl: float = HOLD_SECONDS
    drain: float = 0
    catalog: bool = False
    auth: AuthSettings | None = None
    access: tuple[Grant, ...] | None = None
    alerts: tuple[AlertSettings, ...] = ()
    admin_listen: tuple[str, int] | None = None
    log_format: str = "human"
    traces: str = ""

    @property
    def called(self) -> str:
        """What messages call the gate: its public URL, or where it listens."""
        scheme = "https" if self.tls else "http"
        return self.public_url or f"{scheme}://{joined(self.host, self.port)}"

    @property
    def names(self) -> Names:
        """The registries by everything that means one.

        Raises:
            ConfigurationInvalid: a name could mean two of them.
        """
        registries = [
            NamedRegistry(name=each.name, hosts=each.hosts, address=urlsplit(each.url).netloc)
            for each in self.upstreams
        ]
        return Names(registries, urlsplit(self.called).netloc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Flags, each as the text a person gave; None where none was given."""

    listen: str | None = None
    public_url: str | None = None
    upstream: str | None = None
    policies: Sequence[str] = ()
    unmatched: str | None = None
    trusted_root: str | None = None
    state: str | None = None
    state_key_file: str | None = None
    decision_log: str | None = None
    admit_ttl: str | None = None
    drain: str | None = None
    admin_listen: str | None = None
    log_format: str | None = None
