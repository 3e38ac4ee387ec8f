"""The key pair of a development machine, and tokens signed with it; `identity` keeps both out of production."""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from service.errors import SettingsRefused

FILE_NAME = "development-key.pem"


def signed(data_dir: Path, claims: Mapping[str, object]) -> str:
    """A token with these claims, signed by the pair in `data_dir`, which is made on first use."""
    header = {"alg": "RS256", "typ": "JWT", "kid": public_jwk(data_dir)["kid"]}
    text = f"{_part(header)}.{_part(claims)}"
    signature = _key(data_dir).sign(text.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_base64url(signature)}"


def public_jwk(data_dir: Path) -> dict[str, str]:
    """The public half of the pair in `data_dir` as a JWK; the pair is made on first use."""
    numbers = _key(data_dir).public_key().public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
    kid = hashlib.sha256(modulus).hexdigest()[:16]
    return {"kty": "RSA", "use": "sig", "kid": kid, "n": _base64url(modulus), "e": _base64url(exponent)}


def _key(data_dir: Path) -> rsa.RSAPrivateKey:
    path = data_dir / FILE_NAME
    if not path.exists():
        _create(path)
    return _read(path.read_bytes())


@lru_cache(maxsize=4)
def _read(pem: bytes) -> rsa.RSAPrivateKey:
    """The pair; read once, since proving that a key is sound takes longer than most requests."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsRefused("LOS_DATA_DIR: the development key there is not an RSA key")
    return key


def _create(path: Path) -> None:
    """Write a new pair, whole or not at all; if another process was first, its pair stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, draft = tempfile.mkstemp(prefix=FILE_NAME, dir=path.parent)  # 0600, a name of its own
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def _part(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode("utf-8"))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
