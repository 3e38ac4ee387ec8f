"""Settings: what a start takes, and what stops it."""

from pathlib import Path

import pytest

from service.errors import SettingsRefused
from service.settings import Environment, Settings, from_environment

PRODUCTION = {
    "LOS_ENVIRONMENT": "production",
    "LOS_DATABASE_URL": "postgresql://los:s3cret@db.example/los",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0",
    "LOS_OIDC_AUDIENCE": "line-of-sight-api",
    "LOS_JWKS_URL": "https://login.example/tenant/keys",
}


def test_nothing_set_is_development_on_this_machine() -> None:
    settings = from_environment({"PATH": "/usr/bin", "HOME": "/root"})
    assert settings == Settings()
    assert settings.environment is Environment.DEVELOPMENT
    assert settings.loopback_only
    assert settings.database_url == "sqlite:///var/line-of-sight.db"
    assert settings.jwks_url is None
    assert settings.port == 8000


def test_an_empty_variable_counts_as_unset() -> None:
    empty = dict.fromkeys([*PRODUCTION, "LOS_DATA_DIR", "LOS_MAPPING_FILE", "PORT"], "")
    assert from_environment(empty) == Settings()


def test_the_default_database_is_a_file_in_the_data_folder() -> None:
    settings = from_environment({"LOS_DATA_DIR": "/srv/los"})
    assert settings.database_url == "sqlite:////srv/los/line-of-sight.db"
    assert settings.data_dir == Path("/srv/los")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://los@db.example/los?sslmode=verify-full",
        "postgres://los@db.example/los?sslmode=verify-full",
        "postgresql+psycopg://los@db.example/los?sslmode=verify-full",
    ],
)
def test_all_ways_to_name_postgresql_mean_the_same_driver(url: str) -> None:
    settings = from_environment({"LOS_DATABASE_URL": url})
    assert settings.database_url == "postgresql+psycopg://los@db.example/los?sslmode=verify-full"
    assert not settings.sqlite


def test_production_takes_what_it_needs_and_serves_others() -> None:
    settings = from_environment(PRODUCTION | {"PORT": "80"})
    assert settings.production
    assert not settings.loopback_only
    assert (settings.oidc_audience, settings.port) == ("line-of-sight-api", 80)


def test_production_takes_sqlite_when_it_is_named() -> None:
    assert from_environment(PRODUCTION | {"LOS_DATABASE_URL": "sqlite:////srv/los/los.db"}).sqlite


@pytest.mark.parametrize("missing", ["LOS_DATABASE_URL", "LOS_OIDC_ISSUER", "LOS_OIDC_AUDIENCE", "LOS_JWKS_URL"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_production_does_not_start_without(missing: str, how: str) -> None:
    env = {name: value for name, value in PRODUCTION.items() if name != missing}
    with pytest.raises(SettingsRefused, match=missing):
        from_environment(env if how == "absent" else env | {missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOS_ENVIRONMENT", "Production"),
        ("LOS_ENVIRONMENT", "staging-secret"),
        ("LOS_ENVIRONMENT", "production "),
        ("LOS_OIDC_ISSUER", "http://login.example/secret"),
        ("LOS_OIDC_ISSUER", "https://"),
        ("LOS_OIDC_ISSUER", "https://[secret"),
        ("LOS_JWKS_URL", "http://login.example/secret"),
        ("LOS_JWKS_URL", "http://127.0.0.1:9400/secret"),
        ("LOS_JWKS_URL", "https://user:secret@login.example/keys"),
        ("LOS_JWKS_URL", "https://login.example/keys secret"),
        ("LOS_JWKS_URL", "https://login.example:99999/secret"),
        ("LOS_JWKS_URL", "file:///etc/secret"),
        ("LOS_DATABASE_URL", "mysql://root:secret@db.example/los"),
        ("LOS_DATABASE_URL", "sqlite://"),
        ("LOS_DATABASE_URL", "sqlite:///"),
        ("LOS_DATABASE_URL", "sqlite:///:memory:"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "secret"),
        ("PORT", "-1"),
        ("PORT", "8000000000000"),
        ("PORT", "٨٠"),
    ],
)
def test_a_bad_setting_is_named_but_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        from_environment(PRODUCTION | {name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert value not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("name", ["LOS_DATABASE_ULR", "LOS_DEBUG", "LOS_", "LOS_database_url"])
def test_a_misspelt_setting_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsRefused, match=f"^{name}: "):
        from_environment({name: "1"})


@pytest.mark.parametrize("name", ["LOS_TEST_POSTGRES_URL", "LOS_URL", "LOS_TOKEN"])
def test_variables_of_scripts_and_tests_may_be_about(name: str) -> None:
    assert from_environment({name: "https://los.example"}) == Settings()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9400/jwks", "http://localhost:9400/jwks", "http://[::1]:9400/jwks"])
def test_development_may_take_keys_from_this_machine_without_tls(url: str) -> None:
    assert from_environment({"LOS_JWKS_URL": url}).jwks_url == url


def test_development_takes_no_keys_from_elsewhere_without_tls() -> None:
    with pytest.raises(SettingsRefused, match="LOS_JWKS_URL"):
        from_environment({"LOS_JWKS_URL": "http://127.0.0.1.example/jwks"})


def test_a_printed_settings_value_keeps_the_password_to_itself() -> None:
    assert "s3cret" not in repr(from_environment(PRODUCTION))
