"""Addresses as settings name them, and whether a place is this machine, this network or the world."""

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from service.errors import SettingsRefused

_ANY_TENANT = frozenset({"common", "organizations", "consumers", "{tenantid}"})


def web_address(name: str, value: str) -> SplitResult:
    """A http or https address that names a host and nobody. Raises SettingsRefused, naming the setting `name`."""
    try:
        address = urlsplit(value)
        usable = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        usable = None
    if not usable or address.username is not None or not value.isprintable() or " " in value:
        raise SettingsRefused(f"{name}: must be an https address without a user name")
    return address


def secure(name: str, value: str) -> SplitResult:
    """As `web_address`, https only."""
    address = web_address(name, value)
    if address.scheme != "https":
        raise SettingsRefused(f"{name}: must be an https address")
    return address


def of_one_tenant(name: str, value: str) -> None:
    """Refuse an issuer that stands for everybody's tenants: anybody could make themselves an account there."""
    if _ANY_TENANT & {part.lower() for part in unquote(urlsplit(value).path).split("/")}:
        raise SettingsRefused(f"{name}: must name one tenant")


def in_the_world(name: str, address: SplitResult) -> None:
    """Refuse an address that says this machine or a network of its own, in whatever way a number can be written."""
    host = (address.hostname or "").rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".invalid")):
        raise SettingsRefused(f"{name}: must be an address in the world, not of this machine or network")
    if any(not number.is_global or number.is_multicast for number in _numbers(host)):
        raise SettingsRefused(f"{name}: must be an address in the world, not of this machine or network")


def _numbers(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address a host is, if it is a number, and those it may hide: `127.1`, `0x7f000001`, `::ffff:127.0.0.1`."""
    try:
        number: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        try:
            number = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return
    yield number
    if isinstance(number, ipaddress.IPv6Address):
        embedded = (number.ipv4_mapped, number.sixtofour, *(number.teredo or ()))
        yield from (each for each in embedded if each is not None)
        if number in ipaddress.IPv6Network("64:ff9b::/96"):
            yield ipaddress.IPv4Address(number.packed[12:])


def verified(name: str, database_url: str, env: Mapping[str, str]) -> None:
    """Refuse a PostgreSQL that is reached over a network without its name and certificate being verified."""
    address = urlsplit(database_url)
    asked = parse_qs(address.query)
    modes = asked.get("sslmode", [])
    if modes and set(modes) == {"verify-full"}:
        return
    if "service" in asked or not all(_on_this_machine(host) for host in _hosts(name, address, asked, env)):
        raise SettingsRefused(f"{name}: a PostgreSQL elsewhere needs sslmode=verify-full")


def _hosts(name: str, address: SplitResult, asked: Mapping[str, list[str]], env: Mapping[str, str]) -> list[str]:
    """Where libpq would go: what the address says, else its own variables, else the socket of this machine."""
    try:
        netloc = unquote(address.netloc.rpartition("@")[2])
        named = [_without_port(each) for each in netloc.split(",") if _without_port(each)]
    except ValueError:
        raise SettingsRefused(f"{name}: must be the address of a PostgreSQL or name a SQLite file") from None
    named += [each for key in ("host", "hostaddr") for text in asked.get(key, []) for each in text.split(",")]
    if env.get("PGSERVICE"):
        return ["elsewhere"]
    return named or [each for key in ("PGHOST", "PGHOSTADDR") for each in env.get(key, "").split(",") if each]


def _without_port(place: str) -> str:
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place if place.startswith("/") else place.partition(":")[0]


def _on_this_machine(host: str) -> bool:
    if host.startswith(("/", "@")) or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
