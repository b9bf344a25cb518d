"""Which public keys are accepted, and what verifies with one."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sealgate.adapters.keys import pem_contents, read_public_key, read_spki, verifies, verifies_digest
from sealgate.errors import KeyRejected
from sealgate.limits import PUBLIC_KEY_BYTES
from sealgate.testing.sigstore import SigningKey
from sealgate.testing.sigstore.keys import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-4096")
KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}
KEY = KEYS["ecdsa-p256"]
MESSAGE = b"what is signed"
SECT_KEY = (  # sect283r1, made with openssl: newer versions of `cryptography` make none
    "MF4wEAYHKoZIzj0CAQYFK4EEABEDSgAEAn8Btf0ycptvxacBKekSJcpyLceV6CVb/6cr7soBdaj2FnJRBv27r0jIl+xpc9OJfFekRzGIRcm+3UNO"
    "DDgdBrWuEZNm1BXS"
)


def pem(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def wrapped(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_accepted_key_is_known_by_the_hash_of_its_spki(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    read = read_public_key(key.public_pem)
    assert (read.algorithm, read.spki, read.fingerprint) == (algorithm, key.spki, hashlib.sha256(key.spki).hexdigest())


@pytest.mark.parametrize(
    "change", [bytes.strip, lambda text: b"\n \n" + text, lambda text: text.replace(b"\n", b"\r\n")]
)
def test_white_space_around_a_key_changes_nothing(change: Callable[[bytes], bytes]) -> None:
    assert read_public_key(change(KEY.public_pem)) == read_public_key(KEY.public_pem)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "not one PEM public key"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH me@here", "not one PEM public key"),
        (KEY.private_pem, "private key"),
        (KEY.public_pem + KEY.private_pem, "private key"),
        (b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n", "PGP"),
        (b"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n", "PKCS#1"),
        (KEY.public_pem.replace(b"PUBLIC KEY", b"EC PUBLIC KEY"), "not one PEM public key"),
        (KEY.public_pem * 2, "not one PEM public key"),
        (KEY.public_pem + b"and more", "not one PEM public key"),
        (b"see below\n" + KEY.public_pem, "not one PEM public key"),
        (KEY.public_pem.replace(b"END PUBLIC", b"END PUBLIK"), "not one PEM public key"),
        (KEY.public_pem[:-40], "not one PEM public key"),
        (KEY.public_pem.replace(b"==\n", b"==QQ==\n"), "not one PEM public key"),
        (b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "not one PEM public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAAA\n-----END PUBLIC KEY-----\n", "not one PEM public key"),
        (wrapped(b"\x30\x00"), "can be read"),
        (KEY.public_pem + b" " * PUBLIC_KEY_BYTES, "bytes"),
    ],
)
def test_what_is_not_one_public_key_is_refused_by_name(text: bytes, told: str) -> None:
    with pytest.raises(KeyRejected, match=told):
        read_public_key(text)


def test_one_key_has_one_encoding() -> None:
    compressed = KEY.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)  # type: ignore[union-attr]
    prefix = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    with pytest.raises(KeyRejected, match="usual encoding"):
        read_public_key(wrapped(prefix + compressed))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ec.generate_private_key(ec.SECP224R1()).public_key(), "secp224r1"),
        (lambda: ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1"),
        (lambda: ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "brainpoolP256r1"),
        (lambda: dsa.generate_private_key(2048).public_key(), "this kind"),
        (lambda: x25519.X25519PrivateKey.generate().public_key(), "this kind"),
        (lambda: ed448.Ed448PrivateKey.generate().public_key(), "this kind"),
        (lambda: rsa.RSAPublicNumbers(65537, (1 << 1023) + 1).public_key(), "1024 bits"),
        (lambda: rsa.RSAPublicNumbers(65537, (1 << 8192) + 1).public_key(), "8193 bits"),
        (lambda: rsa.RSAPublicNumbers(3, (1 << 2047) + 1).public_key(), "exponent"),
        (lambda: rsa.RSAPublicNumbers((1 << 256) + 1, (1 << 2047) + 1).public_key(), "exponent"),
    ],
)
def test_a32_keys_of_other_kinds_and_sizes_are_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(KeyRejected, match=told):
        read_public_key(pem(make()))


def test_a32_keys_at_the_bounds_are_accepted() -> None:
    assert read_public_key(KEY.public_pem.ljust(PUBLIC_KEY_BYTES)) == read_public_key(KEY.public_pem)
    for exponent, bits in ((65537, 2048), (65537, 8192), ((1 << 255) + 1, 2048)):
        key = rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) + 1).public_key()
        assert read_public_key(pem(key)).algorithm == f"rsa-{bits}"


def test_a32_a_binary_curve_is_refused() -> None:
    with pytest.raises(KeyRejected):
        read_spki(base64.b64decode(SECT_KEY))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_verifies_with_its_key_over_its_message(algorithm: Algorithm) -> None:
    key, public = KEYS[algorithm], read_public_key(KEYS[algorithm].public_pem)
    signature = key.sign(MESSAGE)
    assert verifies(public, signature, MESSAGE)
    assert not verifies(public, signature, MESSAGE + b"!")
    assert not verifies(public, signature[:-1] + bytes([signature[-1] ^ 1]), MESSAGE)
    assert not verifies(read_public_key(SigningKey.generate(algorithm).public_pem), signature, MESSAGE)


@pytest.mark.parametrize("algorithm", ["ecdsa-p384", "ecdsa-p521"])
def test_a_large_curve_also_signs_with_sha256_as_older_cosigns_do(algorithm: Algorithm) -> None:
    assert verifies(read_public_key(KEYS[algorithm].public_pem), KEYS[algorithm].sign(MESSAGE, "sha256"), MESSAGE)


def test_rsa_signs_with_pss_too() -> None:
    private = KEYS["rsa-2048"].private
    assert isinstance(private, rsa.RSAPrivateKey)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    public = read_public_key(KEYS["rsa-2048"].public_pem)
    assert verifies(public, private.sign(MESSAGE, pss, hashes.SHA256()), MESSAGE)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_verifies_over_a_digest_where_its_key_signs_sha256(algorithm: Algorithm) -> None:
    key, public, digest = KEYS[algorithm], read_public_key(KEYS[algorithm].public_pem), hashlib.sha256(MESSAGE).digest()
    signature = key.sign(MESSAGE)
    assert verifies_digest(public, signature, digest) is (algorithm in {"ecdsa-p256", "rsa-2048", "rsa-4096"})
    assert not verifies_digest(public, signature, hashlib.sha256(MESSAGE + b"!").digest())
    assert not verifies_digest(public, key.sign(digest), digest)  # attacks A32: a hash of a hash
    if algorithm.startswith("ecdsa"):
        assert verifies_digest(public, key.sign(MESSAGE, "sha256"), digest)


def test_rsa_signs_digests_with_pss_too() -> None:
    private = KEYS["rsa-2048"].private
    assert isinstance(private, rsa.RSAPrivateKey)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    public = read_public_key(KEYS["rsa-2048"].public_pem)
    made = private.sign(MESSAGE, pss, hashes.SHA256())
    assert verifies_digest(public, made, hashlib.sha256(MESSAGE).digest())


def test_several_blocks_of_one_kind_are_read_and_nothing_else() -> None:
    one, other = (key.public_pem for key in (KEYS["ecdsa-p256"], KEYS["ed25519"]))
    contents = [KEYS["ecdsa-p256"].spki, KEYS["ed25519"].spki]
    assert pem_contents(one + b"\n \n" + other, "PUBLIC KEY") == contents
    assert pem_contents(b" \n", "PUBLIC KEY") == []
    for text in (one + b"x", b"x" + one, one + b"x" + other, one[:-5], one.replace(b"PUBLIC", b"SECRET") + other):
        assert pem_contents(text, "PUBLIC KEY") is None
    assert pem_contents(one, "CERTIFICATE") is None


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "rsa-2048"])
def test_a32_the_signature_does_not_choose_the_hash(algorithm: Algorithm) -> None:
    public = read_public_key(KEYS[algorithm].public_pem)
    assert not verifies(public, KEYS[algorithm].sign(MESSAGE, "sha512"), MESSAGE)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a32_a_signature_over_the_hash_is_none_over_the_message(algorithm: Algorithm) -> None:
    key, public = KEYS[algorithm], read_public_key(KEYS[algorithm].public_pem)
    for name in ("sha256", "sha384", "sha512"):
        hashed = hashlib.new(name, MESSAGE).digest()
        assert not verifies(public, key.sign(hashed), MESSAGE)
        assert not verifies(public, key.sign(MESSAGE), hashed)


@given(algorithm=st.sampled_from(ALGORITHMS), signature=st.binary(max_size=600))
def test_junk_is_no_signature(algorithm: Algorithm, signature: bytes) -> None:
    assert not verifies(read_public_key(KEYS[algorithm].public_pem), signature, MESSAGE)


@given(text=st.one_of(st.binary(max_size=300), st.binary(max_size=120).map(wrapped)))
def test_junk_is_no_key(text: bytes) -> None:
    with pytest.raises(KeyRejected):
        read_public_key(text)
