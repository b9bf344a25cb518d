"""All sections together: what the file, the variables and the flags come to, or all that is wrong with them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import (
    ADMIT_TTL_MOST_SECONDS,
    ADMIT_TTL_SECONDS,
    HOLD_MOST_SECONDS,
    HOLD_SECONDS,
    LEAVE_MOST_SECONDS,
)
from sealgate.policy import schema, strict_yaml
from sealgate.policy.model import Unmatched
from sealgate.policy.problems import did_you_mean
from sealgate.settings.access import check_access, read_access
from sealgate.settings.alerts import read_alerts, webhook_of
from sealgate.settings.auth import read_auth
from sealgate.settings.given import Given
from sealgate.settings.model import AuthSettings, KeySettings, Overrides, Settings, TlsSettings
from sealgate.settings.network import address_of
from sealgate.settings.state import read_state
from sealgate.settings.tls import read_tls
from sealgate.settings.trusted_roots import read_trusted_roots
from sealgate.settings.upstreams import read_upstreams

_LOG_FORMATS: Final = frozenset({"human", "json"})
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


def read_settings(
    file: str, raw: bytes | None, *, flags: Overrides, variables: Mapping[str, str], folder: Path
) -> Settings:
    """Put together what the file, the variables and the flags say; flags win over variables, variables over the file.

    Args:
        file: the file's name, for messages.
        raw: its content; None when there is none.
        flags: the command line's.
        variables: the environment; `SEALGATE_LISTEN`, `SEALGATE_UPSTREAM` and so on, named as the flags are.
        folder: what relative paths of the file are relative to; those of flags and variables, to where it is run.

    Raises:
        ConfigurationInvalid: with every problem that was found.
    """
    document = strict_yaml.read(file, raw) if raw is not None else strict_yaml.Document(file, data={})
    schema.check(document, "settings")
    given = Given(document, folder)
    given.override(flags, variables)
    host, port = _listen(given, "listen", "127.0.0.1:8080")
    log_format = _log_format(given)
    traces = _traces(given)
    admin = _listen(given, "admin_listen", "") if given.value("admin_listen", "") else None
    upstreams = read_upstreams(given)
    policies = tuple(given.path("policies", text) for text in given.value("policies", ()))
    if not policies and given.whole:
        given.refuse((), "no policies are named", "give policies: in the settings, or --policies")
    unmatched = _unmatched(given)
    trusted_roots, state = read_trusted_roots(given), read_state(given)
    log = given.value("decision_log", "-")
    public_url = given.origin(("public_url",), given.value("public_url", ""))
    admit_ttl = _seconds(given, "admit_ttl", ADMIT_TTL_SECONDS, ADMIT_TTL_MOST_SECONDS)
    hold_ttl = _seconds(given, "hold_ttl", HOLD_SECONDS, HOLD_MOST_SECONDS)
    drain = _seconds(given, "drain", 0, LEAVE_MOST_SECONDS, least=0)
    auth, tls = read_auth(given), read_tls(given)
    access = read_access(given, auth)
    alerts = read_alerts(given)
    check_access(given, auth, access, upstreams, tls)
    if given.problems:
        raise ConfigurationInvalid(*(problem.shown() for problem in given.problems))
    made = Settings(
        host=host,
        port=port,
        public_url=public_url,
        tls=_asking_for_certificates(tls, auth),
        upstreams=upstreams,
        policies=policies,
        unmatched=unmatched,
        trusted_roots=trusted_roots,
        trusted_roots_folder=state.parent / "trusted-roots" if isinstance(state, Path) else None,
        keys={name: _key(given, entry) for name, entry in given.value("keys", {}).items()},
        state=state,
        decision_log=None if log == "-" else given.path("decision_log", log),
        admit_ttl=admit_ttl,
        hold_ttl=hold_ttl,
        drain=drain,
        catalog=given.value("catalog", False),
        auth=auth,
        access=access,
        alerts=alerts,
        admin_listen=admin,
        log_format=log_format,
        traces=traces,
    )
    _check_names(given, made)
    return made


def _asking_for_certificates(tls: TlsSettings | None, auth: AuthSettings | None) -> TlsSettings | None:
    """Where there are other ways to be let in than by a certificate, clients without one are not turned away."""
    others = auth is not None and auth.certificate_field and (auth.reads_authorization or auth.anonymous)
    return replace(tls, client_certificate_required=False) if tls is not None and others else tls


def _check_names(given: Given, made: Settings) -> None:
    """Refuse what could mean two upstreams."""
    try:
        _ = made.names
    except ConfigurationInvalid as invalid:
        for problem in invalid.problems:
            given.refuse(("upstreams",), problem, "each name and each registry once")
        raise ConfigurationInvalid(*(problem.shown() for problem in given.problems)) from invalid


def _listen(given: Given, key: str, usual: str) -> tuple[str, int]:
    text: str = given.value(key, usual)
    found = address_of(text)
    if found is None:
        given.refuse((key,), f"{text} is not HOST:PORT", "as in 0.0.0.0:8080 or [::1]:8080")
        return "", 0
    return found


def _unmatched(given: Given) -> Unmatched:
    text: str = given.value("unmatched", "deny")
    if text in set(Unmatched):
        return Unmatched(text)
    given.refuse(("unmatched",), f"{text} is not one of deny, warn, admit", did_you_mean(text, set(Unmatched)))
    return Unmatched.DENY


def _traces(given: Given) -> str:
    """The collector's URL; without a path it is that of OTLP (OTLP specification, "OTLP/HTTP Request")."""
    text: str = given.value("traces", {}).get("otlp_endpoint", "")
    url = webhook_of(text)
    if text and not url:
        given.refuse(("traces", "otlp_endpoint"), "this is no URL", "as in http://collector.example:4318")
    return url + "v1/traces" if url.count("/") == 3 and url.endswith("/") else url


def _log_format(given: Given) -> str:
    text: str = given.value("log_format", "human")
    if text not in _LOG_FORMATS:
        given.refuse(("log_format",), f"{text} is not one of human, json", did_you_mean(text, _LOG_FORMATS))
    return text


def _seconds(given: Given, key: str, usual: float, most: int, least: int = 1) -> float:
    text = str(given.value(key, int(usual)))
    if _NUMBER.fullmatch(text) and least <= int(text) <= most:
        return float(text)
    given.refuse((key,), f"{text} is not a number of seconds from {least} to {most}")
    return 0


def _key(given: Given, entry: str | Mapping[str, str]) -> KeySettings:
    if isinstance(entry, str):
        return KeySettings(public_key=given.path("keys", entry))
    return KeySettings(public_key=given.path("keys", entry["public_key"]), sign_with=entry.get("sign_with", ""))
