"""Settings: what a start takes, and what stops it."""

from pathlib import Path

import pytest

from service.api import development_keys
from service.errors import SettingsRefused
from service.settings import DEVELOPMENT_ISSUER, Environment, Settings, from_environment

PRODUCTION = {
    "LOS_ENVIRONMENT": "production",
    "LOS_DATA_DIR": "/srv/line-of-sight",
    "LOS_DATABASE_URL": "postgresql://los:s3cret@db.example/los?sslmode=verify-full",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0",
    "LOS_OIDC_AUDIENCE": "line-of-sight-api",
    "LOS_JWKS_URL": "https://login.example/tenant/keys",
    "LOS_ALLOWED_HOSTS": "los.example",
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
    more = ["LOS_MAPPING_FILE", "LOS_OIDC_TENANT", "LOS_BACKUP_KEY_FILE", "PORT"]
    empty = dict.fromkeys([*PRODUCTION, *more], "")
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
    assert settings.allowed_hosts == {"los.example"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://los@db.example:5433/los?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://los@one.example,two.example/los?sslmode=verify-full",
        "postgresql://los@localhost/los",
        "postgresql://los:s3cret@127.0.0.1:5432/los",
        "postgresql://los@[::1]:5432/los",
        "postgresql:///los?host=/var/run/postgresql",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/los",
        "postgresql:///los",
    ],
)
def test_production_takes_a_postgresql_that_is_verified_or_on_this_machine(url: str) -> None:
    assert from_environment(PRODUCTION | {"LOS_DATABASE_URL": url}).database_url.startswith("postgresql+psycopg://")


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_a_postgresql_that_others_name_is_not_on_this_machine(name: str) -> None:
    elsewhere = PRODUCTION | {"LOS_DATABASE_URL": "postgresql:///los", name: "db.example"}
    with pytest.raises(SettingsRefused, match=r"^LOS_DATABASE_URL: "):
        from_environment(elsewhere)


@pytest.mark.parametrize("name", ["DEBUG", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT", "SQLALCHEMY_ECHO"])
def test_production_is_not_debugged(name: str) -> None:
    with pytest.raises(SettingsRefused, match=f"^{name}: "):
        from_environment(PRODUCTION | {name: "secret-1"})
    assert from_environment(PRODUCTION | {name: "0"}).production
    assert not from_environment({name: "1"}).production


def test_production_has_no_development_key_beside_it(tmp_path: Path) -> None:
    here = {"LOS_DATA_DIR": str(tmp_path)}
    assert from_environment(PRODUCTION | here).production
    development_keys.public_jwk(tmp_path)
    with pytest.raises(SettingsRefused, match=r"^LOS_DATA_DIR: ") as refused:
        from_environment(PRODUCTION | here)
    assert str(tmp_path) not in str(refused.value)
    assert from_environment(here).data_dir == tmp_path


def test_a_secret_is_thirty_two_bytes_at_least(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(bytes(31))
    with pytest.raises(SettingsRefused, match=r"^LOS_BACKUP_KEY_FILE: ") as refused:
        from_environment({"LOS_BACKUP_KEY_FILE": str(file)})
    assert str(file) not in str(refused.value)
    file.write_bytes(bytes(32))
    assert from_environment({"LOS_BACKUP_KEY_FILE": str(file)}).backup_key_file == file


def test_hosts_are_names_with_commas_between() -> None:
    hosts = {"LOS_ALLOWED_HOSTS": "Los.example, los.internal-council.example,[::1],10.1.2.3"}
    assert from_environment(hosts).allowed_hosts == {
        "los.example", "los.internal-council.example", "[::1]", "10.1.2.3",
    }  # fmt: skip
    assert from_environment({}).allowed_hosts == frozenset()


def test_production_takes_sqlite_when_it_is_named() -> None:
    assert from_environment(PRODUCTION | {"LOS_DATABASE_URL": "sqlite:////srv/los/los.db"}).sqlite


@pytest.mark.parametrize("missing", sorted(PRODUCTION.keys() - {"LOS_ENVIRONMENT", "LOS_DATA_DIR"}))
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_production_does_not_start_without(missing: str, how: str) -> None:
    env = {name: value for name, value in PRODUCTION.items() if name != missing}
    with pytest.raises(SettingsRefused, match=f"^{missing}: must be set in production$"):
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
        ("LOS_OIDC_ISSUER", "https://login.example/common/v2.0?secret"),
        ("LOS_OIDC_ISSUER", "https://login.example/Organizations/v2.0?secret"),
        ("LOS_OIDC_ISSUER", "https://login.example/%7Btenantid%7D/secret"),
        ("LOS_OIDC_ISSUER", DEVELOPMENT_ISSUER),
        ("LOS_OIDC_AUDIENCE", " secret"),
        ("LOS_OIDC_AUDIENCE", "secret\n"),
        ("LOS_OIDC_AUDIENCE", "\t"),
        ("LOS_OIDC_TENANT", "secret "),
        ("LOS_JWKS_URL", "https://10.0.0.5/secret"),
        ("LOS_JWKS_URL", "https://192.168.1.1/secret"),
        ("LOS_JWKS_URL", "https://169.254.169.254/secret"),
        ("LOS_JWKS_URL", "https://127.0.0.1/secret"),
        ("LOS_JWKS_URL", "https://127.1/secret"),
        ("LOS_JWKS_URL", "https://2130706433/secret"),
        ("LOS_JWKS_URL", "https://0x7f.0.0.1/secret"),
        ("LOS_JWKS_URL", "https://0177.0.0.1/secret"),
        ("LOS_JWKS_URL", "https://127.0.0.1./secret"),
        ("LOS_JWKS_URL", "https://0.0.0.0/secret"),
        ("LOS_JWKS_URL", "https://224.0.0.1/secret"),
        ("LOS_JWKS_URL", "https://[::1]/secret"),
        ("LOS_JWKS_URL", "https://[fe80::1]/secret"),
        ("LOS_JWKS_URL", "https://[fd00::1]/secret"),
        ("LOS_JWKS_URL", "https://[::ffff:127.0.0.1]/secret"),
        ("LOS_JWKS_URL", "https://[64:ff9b::a9fe:a9fe]/secret"),
        ("LOS_JWKS_URL", "https://[2002:a9fe:a9fe::1]/secret"),
        ("LOS_JWKS_URL", "https://localhost/secret"),
        ("LOS_JWKS_URL", "https://LOCALHOST./secret"),
        ("LOS_JWKS_URL", "https://metadata.google.internal/secret"),
        ("LOS_ALLOWED_HOSTS", "*"),
        ("LOS_ALLOWED_HOSTS", "los.example,*.secret"),
        ("LOS_ALLOWED_HOSTS", "los.example,"),
        ("LOS_ALLOWED_HOSTS", "los.example:443,secret"),
        ("LOS_ALLOWED_HOSTS", "https://secret"),
        ("LOS_BACKUP_KEY_FILE", "/nowhere/secret"),
        ("LOS_BACKUP_KEY_FILE", "/"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@db.example/los"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@db.example/los?sslmode=require"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@db.example/los?sslmode=verify-ca"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@db.example/los?sslmode=verify-full&sslmode=disable"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@10.0.0.9:5432/los"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@[fd00::9]:5432/los"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@localhost,db.example/los"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@localhost/los?host=db.example"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@localhost/los?hostaddr=10.0.0.9"),
        ("LOS_DATABASE_URL", "postgresql:///los?host=db.example&password=secret"),
        ("LOS_DATABASE_URL", "postgresql:///los?service=secret"),
        ("LOS_DATABASE_URL", "postgresql://los:secret@localhost.db.example/los"),
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


@pytest.mark.parametrize("name", ["LOS_DATABASE_ULR", "LOS_DEBUG", "LOS_", "LOS_database_url", "LOS_SECRET_KEY"])
@pytest.mark.parametrize("where", [{}, PRODUCTION], ids=["development", "production"])
def test_a_misspelt_setting_stops_the_start(name: str, where: dict[str, str]) -> None:
    with pytest.raises(SettingsRefused, match=f"^{name}: ") as refused:
        from_environment(where | {name: "canary"})
    assert "canary" not in str(refused.value)


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
