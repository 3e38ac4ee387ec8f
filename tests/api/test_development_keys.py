"""The development key pair: made once, whole, and readable by its owner alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.api import development_keys
from service.errors import SettingsRefused


def test_the_pair_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    first = development_keys.public_jwk(folder)
    assert development_keys.public_jwk(folder) == first
    file = folder / development_keys.FILE_NAME
    assert file.stat().st_mode & 0o777 == 0o600
    assert [kept.name for kept in folder.iterdir()] == [file.name]
    assert set(first) == {"kty", "use", "kid", "n", "e"}, "nothing private leaves"


def test_two_machines_have_two_pairs(tmp_path: Path) -> None:
    assert development_keys.public_jwk(tmp_path / "a") != development_keys.public_jwk(tmp_path / "b")


def test_starting_several_times_at_once_makes_one_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(development_keys.public_jwk, [tmp_path / "var"] * 4))
    assert all(one == made[0] for one in made)


def test_another_kind_of_key_in_its_place_stops_the_start(tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / development_keys.FILE_NAME).write_bytes(curve)
    with pytest.raises(SettingsRefused, match="LOS_DATA_DIR"):
        development_keys.public_jwk(tmp_path)
