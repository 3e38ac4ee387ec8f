"""Tokens: the few that are taken, and a hundred ways to be refused, each with the same one refusal."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from prometheus_client import REGISTRY

from service.api import identity
from service.api.identity import FixedKeys, Verifier, key_name
from service.domain.subject import Subject
from service.errors import IssuerAway, NotSignedIn, SettingsRefused
from service.settings import Environment, Settings

ISSUER = "https://login.example/tenant/v2.0"
AUDIENCE = "line-of-sight-api"
TENANT = "0a1b2c3d-0000-4000-8000-00000000dead"
KID, CURVE_KID = "summer-2020", "summer-2020-ec"
NOW = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
HOUR = 3600


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key per name; making one takes a tenth of a second."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


_CURVES: dict[tuple[str, str], ec.EllipticCurvePrivateKey] = {}


def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """One key per name and curve."""
    return _CURVES.setdefault((name, curve.name), ec.generate_private_key(curve()))


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def described(key: rsa.RSAPrivateKey, kid: str = KID, **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)} | more


def described_curve(key: ec.EllipticCurvePrivateKey, kid: str = CURVE_KID, **more: Any) -> dict[str, Any]:
    numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    crv = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.curve.name]
    x, y = (b64(each.to_bytes(size, "big")) for each in (numbers.x, numbers.y))
    return {"kty": "EC", "kid": kid, "crv": crv, "x": x, "y": y} | more


def header(**more: Any) -> dict[str, Any]:
    return {"alg": "RS256", "typ": "JWT", "kid": KID} | more


def claims(**more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "pa-1", "iat": AT - 60, "exp": AT + HOUR} | more


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in names}


def part(value: Any) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode("ascii"))


def twice(value: dict[str, Any], name: str, also: str) -> bytes:
    """An object in which a name comes twice."""
    return f'{{"{name}": "{also}", {json.dumps(value)[1:]}'.encode("ascii")


def token(head: Any = None, body: Any = None, *, key: str = "issuer", sha: hashes.HashAlgorithm | None = None) -> str:
    """A token signed by RSA, whatever its header says."""
    text = f"{part(header() if head is None else head)}.{part(claims() if body is None else body)}"
    signature = rsa_key(key).sign(text.encode("ascii"), padding.PKCS1v15(), sha or hashes.SHA256())
    return f"{text}.{b64(signature)}"


def with_secret(secret: bytes, **more: Any) -> str:
    text = f"{part(header(alg='HS256', **more))}.{part(claims())}"
    return f"{text}.{b64(hmac.new(secret, text.encode('ascii'), hashlib.sha256).digest())}"


def with_curve(
    head: Any = None, body: Any = None, *, key: str = "issuer", curve: type[ec.EllipticCurve] = ec.SECP256R1,
    der: bool = False,
) -> str:  # fmt: skip
    """A token signed by an elliptic curve, whatever its header says."""
    said = header(alg="ES256", kid=CURVE_KID) if head is None else head
    text = f"{part(said)}.{part(claims() if body is None else body)}"
    signature = ec_key(key, curve).sign(text.encode("ascii"), ec.ECDSA(hashes.SHA256()))
    size = (curve.key_size + 7) // 8
    raw = b"".join(each.to_bytes(size, "big") for each in decode_dss_signature(signature))
    return f"{text}.{b64(signature if der else raw)}"


def with_pss() -> str:
    text = f"{part(header(alg='PS256'))}.{part(claims())}"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return f"{text}.{b64(rsa_key('issuer').sign(text.encode('ascii'), pss, hashes.SHA256()))}"


def public(encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
    return rsa_key("issuer").public_key().public_bytes(encoding, form)


def unsigned(head: Any, body: Any = None) -> str:
    return f"{part(head)}.{part(claims() if body is None else body)}."


def resigned(change: Callable[[str, str, str], str]) -> str:
    """A good token whose three parts were put together otherwise."""
    return change(*token().split("."))


@cache
def issuer_keys() -> FixedKeys:
    """The issuer's keys; one that python-jose would stumble over comes first."""
    listed = [
        described_curve(ec_key("issuer", ec.SECP384R1), kid="p-384"),
        described_curve(ec_key("issuer")),
        described(rsa_key("issuer")),
    ]
    return FixedKeys(identity.keys_of({"keys": listed}))


def verifier(at: datetime = NOW, tenant: str | None = None) -> Verifier:
    return Verifier(ISSUER, AUDIENCE, issuer_keys(), lambda: at, tenant)


def taken(token: object, **options: Any) -> Subject:
    return verifier(**options).verify(token)


def script(**more: Any) -> dict[str, Any]:
    return claims(idtyp="app", roles=["push"], **more)


GOOD: dict[str, Callable[[], str]] = {
    "plain": token,
    "an access token by its type": lambda: token(header(typ="at+jwt")),
    "no type said": lambda: token(without(header(), "typ")),
    "several audiences, ours among them": lambda: token(body=claims(aud=["other", AUDIENCE])),
    "ES256": with_curve,
    "for somebody, as Entra says": lambda: token(body=claims(idtyp="user", scp="access", uti="u", roles=["any"])),
    "a JSON number of many nines beside what we read": lambda: token(body=claims(weight=10**30)),
    "expired 30 seconds ago: leeway": lambda: token(body=claims(exp=AT - 30)),
    "issued 30 seconds ahead: leeway": lambda: token(body=claims(iat=AT + 30)),
    "valid from now": lambda: token(body=claims(nbf=AT)),
    "a whole day long": lambda: token(body=claims(iat=AT, exp=AT + 24 * HOUR)),
}

PEM, DER, SSH = serialization.Encoding.PEM, serialization.Encoding.DER, serialization.Encoding.OpenSSH
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
OPENSSH = serialization.PublicFormat.OpenSSH

HOSTILE: dict[str, Callable[[], object]] = {
    # not a token at all
    "nothing": lambda: None,
    "bytes": lambda: token().encode("ascii"),
    "a number": lambda: 1,
    "empty": lambda: "",
    "dots only": lambda: "..",
    "two parts": lambda: resigned(lambda head, body, _: f"{head}.{body}"),
    "four parts": lambda: f"{token()}.x",
    "five parts, as if encrypted": lambda: f"{token()}.x.y",
    "padding added": lambda: f"{token()}=",
    "a space before": lambda: f" {token()}",
    "a line end after": lambda: f"{token()}\n",
    "the scheme left in": lambda: f"Bearer {token()}",
    "a lone surrogate": lambda: f"{token()}\ud800",
    "a letter beyond ASCII": lambda: token().replace("A", "А"),
    "characters the decoder would skip": lambda: resigned(lambda head, body, sig: f"{head}.{body}.!{sig}"),
    "longer than 8 KiB": lambda: token(body=claims(note="x" * 8192)),
    "a header of 990 brackets": lambda: f"{part(b'[' * 990)}.{part(claims())}.x",
    "a body of 3,000 brackets": lambda: token(body=b"[" * 3000),
    "a header that is no JSON": lambda: token(b"{alg:RS256}"),
    "a header that is a list": lambda: token(["RS256"]),
    "a header that is no UTF-8": lambda: token(b"\xff\xfe"),
    "a body that is a list": lambda: token(body=["pa-1"]),
    "a body that is no JSON": lambda: token(body=b"pa-1"),
    "a body of a 5,000-digit number": lambda: token(body=b'{"exp": ' + b"9" * 5000 + b"}"),
    "a subject said twice": lambda: token(body=twice(claims(), "sub", "chief-officer")),
    "not a number, beside what we read": lambda: token(body=claims(weight=float("nan"))),
    "a kid said twice": lambda: token(twice(header(), "kid", KID)),
    # the algorithm
    "alg none, unsigned": lambda: unsigned(header(alg="none")),
    "alg None, unsigned": lambda: f"{unsigned(header(alg='None'))}x",
    "alg none, signature kept": lambda: token(header(alg="none")),
    "no alg": lambda: token(without(header(), "alg")),
    "alg is a list": lambda: token(header(alg=[])),
    "alg is null": lambda: token(header(alg=None)),
    "alg in small letters": lambda: token(header(alg="rs256")),
    "part of an alg": lambda: token(header(alg="S256")),
    "RS512, properly signed": lambda: token(header(alg="RS512"), sha=hashes.SHA512()),
    "RS384, properly signed": lambda: token(header(alg="RS384"), sha=hashes.SHA384()),
    "PS256, properly signed": with_pss,
    "ES256 by another's key": lambda: with_curve(key="thief"),
    "ES256 by the kid of the RSA key": lambda: with_curve(header(alg="ES256")),
    "RS256 by the kid of the curve": lambda: token(header(kid=CURVE_KID)),
    "ES256 said, signed by RSA": lambda: token(header(alg="ES256", kid=CURVE_KID)),
    "RS256 said, signed by a curve": lambda: with_curve(header()),
    "ES256 signed in DER": lambda: with_curve(der=True),
    "ES256 of r = s = 0": lambda: f"{with_curve().rpartition('.')[0]}.{b64(bytes(64))}",
    "ES256 by a P-384 key": lambda: with_curve(header(alg="ES256", kid="p-384"), curve=ec.SECP384R1),
    "ES384 by a P-384 key": lambda: with_curve(header(alg="ES384", kid="p-384"), curve=ec.SECP384R1),
    "EdDSA": lambda: with_curve(header(alg="EdDSA", kid=CURVE_KID)),
    "HS256 by the curve's public key": lambda: with_secret(
        ec_key("issuer").public_key().public_bytes(DER, SPKI), kid=CURVE_KID
    ),
    "HS256 by the public key as PEM": lambda: with_secret(public(PEM, SPKI)),
    "HS256 by the public key as PKCS1": lambda: with_secret(public(PEM, PKCS1)),
    "HS256 by the public key as DER": lambda: with_secret(public(DER, SPKI)),
    "HS256 by the public key as OpenSSH": lambda: with_secret(public(SSH, OPENSSH)),
    "HS256 by no secret": lambda: with_secret(b""),
    "HS256, kid of a guessable file": lambda: with_secret(b"", kid="../../../dev/null"),
    # the header beside it
    "crit": lambda: token(header(crit=["exp"])),
    "an empty crit": lambda: token(header(crit=[])),
    "no kid": lambda: token(without(header(), "kid")),
    "an empty kid": lambda: token(header(kid="")),
    "kid is a list": lambda: token(header(kid=[KID])),
    "kid is an object": lambda: token(header(kid={"$ne": ""})),
    "an unknown kid": lambda: token(header(kid="winter-2020")),
    "kid as a path": lambda: token(header(kid="../../etc/passwd")),
    "kid as SQL": lambda: token(header(kid=f"{KID}' OR '1'='1")),
    "kid with NUL": lambda: token(header(kid=f"{KID}\0")),
    "a logout token": lambda: token(header(typ="logout+jwt")),
    "typ is an object": lambda: token(header(typ={"jwt": 1})),
    "their key in the header": lambda: token(header(jwk=described(rsa_key("thief"))), key="thief"),
    "their key set by address": lambda: token(header(jku="https://thief.example/keys"), key="thief"),
    "their certificate by address": lambda: token(header(x5u="https://thief.example/cert"), key="thief"),
    # the signature
    "signed by somebody else": lambda: token(key="thief"),
    "no signature": lambda: resigned(lambda head, body, _: f"{head}.{body}."),
    "a signature of one letter": lambda: resigned(lambda head, body, _: f"{head}.{body}.A"),
    "another body under the signature": lambda: resigned(
        lambda head, _, sig: f"{head}.{part(claims(sub='chief-officer'))}.{sig}"
    ),
    "the signature of another hash": lambda: token(sha=hashes.SHA512()),
    # who, for whom
    "no issuer": lambda: token(body=without(claims(), "iss")),
    "another issuer": lambda: token(body=claims(iss="https://login.example/other/v2.0")),
    "almost the issuer": lambda: token(body=claims(iss=f"{ISSUER}/")),
    "issuer is a list": lambda: token(body=claims(iss=[ISSUER])),
    "no audience": lambda: token(body=without(claims(), "aud")),
    "another audience, as of an ID token": lambda: token(body=claims(aud="line-of-sight-pages")),
    "almost the audience": lambda: token(body=claims(aud=f"{AUDIENCE} ")),
    "audience is an object": lambda: token(body=claims(aud={AUDIENCE: 1})),
    "audience with a number in it": lambda: token(body=claims(aud=[AUDIENCE, 1])),
    "audience is null": lambda: token(body=claims(aud=None)),
    "no subject": lambda: token(body=without(claims(), "sub")),
    "an empty subject": lambda: token(body=claims(sub="")),
    "a blank subject": lambda: token(body=claims(sub="  ")),
    "a subject with a space after": lambda: token(body=claims(sub="pa-1 ")),
    "a subject with NUL": lambda: token(body=claims(sub="pa-1\0")),
    "a subject with a surrogate": lambda: token(body=claims(sub="pa-\ud800")),
    "a subject of 256 letters": lambda: token(body=claims(sub="x" * 256)),
    "subject is a number": lambda: token(body=claims(sub=1)),
    "subject is a list": lambda: token(body=claims(sub=["pa-1"])),
    "subject is null": lambda: token(body=claims(sub=None)),
    "a token id that is a number": lambda: token(body=claims(jti=7)),
    "an empty token id": lambda: token(body=claims(jti="")),
    "Entra's token id is a list": lambda: token(body=claims(uti=["u"])),
    "an object id that is null": lambda: token(body=claims(oid=None)),
    "an object id with a line end": lambda: token(body=claims(oid="o\n")),
    # a person or a script
    "an ID token, by its nonce": lambda: token(body=claims(nonce="n")),
    "an ID token, by its at_hash": lambda: token(body=claims(at_hash="x")),
    "an ID token, by its c_hash": lambda: token(body=claims(c_hash="x")),
    "a script that acts for somebody": lambda: token(body=script(scp="access")),
    "a script with nobody's scope": lambda: token(body=script(scp="")),
    "idtyp of neither": lambda: token(body=claims(idtyp="device")),
    "idtyp in capitals": lambda: token(body=claims(idtyp="APP")),
    "idtyp is a list": lambda: token(body=claims(idtyp=["app"])),
    "idtyp is null": lambda: token(body=claims(idtyp=None)),
    # when
    "no exp": lambda: token(body=without(claims(), "exp")),
    "no iat": lambda: token(body=without(claims(), "iat")),
    "expired 31 seconds ago": lambda: token(body=claims(exp=AT - 31)),
    "exp is text": lambda: token(body=claims(exp=str(AT + HOUR))),
    "exp is many nines": lambda: token(body=claims(exp="9" * 30)),
    "exp is beyond all time": lambda: token(body=claims(exp=10**30)),
    "exp is a list": lambda: token(body=claims(exp=[AT + HOUR])),
    "exp is null": lambda: token(body=claims(exp=None)),
    "exp is true": lambda: token(body=claims(exp=True)),
    "exp is Infinity": lambda: token(body=claims(exp=float("inf"))),
    "exp is NaN": lambda: token(body=claims(exp=float("nan"))),
    "issued 31 seconds ahead": lambda: token(body=claims(iat=AT + 31)),
    "issued in a year": lambda: token(body=claims(iat=AT + 365 * 24 * HOUR, exp=AT + 365 * 24 * HOUR + 60)),
    "iat is text": lambda: token(body=claims(iat="now")),
    "iat is null": lambda: token(body=claims(iat=None)),
    "a day and a second long": lambda: token(body=claims(iat=AT, exp=AT + 24 * HOUR + 1)),
    "ten years long": lambda: token(body=claims(exp=AT + 10 * 365 * 24 * HOUR)),
    "ends before it begins": lambda: token(body=claims(iat=AT + 20, exp=AT + 10)),
    "not yet valid": lambda: token(body=claims(nbf=AT + 31)),
    "nbf is text": lambda: token(body=claims(nbf="0")),
    "nbf is null": lambda: token(body=claims(nbf=None)),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_gives_its_subject(name: str) -> None:
    subject = taken(GOOD[name]())
    assert (subject.issuer, subject.subject, subject.is_script, subject.oid) == (ISSUER, "pa-1", False, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_is_refused_and_nothing_else(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = refused_so_far()
    with pytest.raises(NotSignedIn) as refused:
        taken(HOSTILE[name]())
    assert refused.value.fields == ()
    assert refused.value.__suppress_context__, "what a log prints must not tell the token"
    assert refused_so_far() == before + 1
    said = capsys.readouterr()
    assert "token_refused" in said.out
    assert not any(word in said.out + said.err for word in ("pa-1", ISSUER, "thief", "eyJ")), "and neither must ours"


def test_there_are_forty_hostile_tokens_and_more() -> None:
    assert len(HOSTILE) > 100
    assert len({str(make()) for make in HOSTILE.values()}) == len(HOSTILE)


def refused_so_far() -> float:
    return REGISTRY.get_sample_value("los_tokens_refused_total") or 0.0


def of_tenant(**more: Any) -> dict[str, Any]:
    """What Entra says of a person who asks through an application."""
    return claims(tid=TENANT, scp="access", azp="the pages") | more


def script_of_tenant(**more: Any) -> dict[str, Any]:
    """What Entra says of an application that asks for itself."""
    return script(tid=TENANT, azp="the push") | more


@pytest.mark.parametrize("tid", [None, "", TENANT.upper(), f"{TENANT} ", [TENANT], "another"])
def test_where_a_tenant_is_named_its_tokens_alone_are_taken(tid: object) -> None:
    body = without(of_tenant(), "tid") if tid is None else of_tenant(tid=tid)
    assert taken(token(body=of_tenant()), tenant=TENANT).subject == "pa-1"
    with pytest.raises(NotSignedIn):
        taken(token(body=body), tenant=TENANT)


NO_ACCESS: dict[str, Callable[[], dict[str, Any]]] = {
    "an ID token of the fewest claims": lambda: without(
        of_tenant(name="Pat Example", preferred_username="pat@council.example"), "scp", "azp"
    ),
    "a person without scp": lambda: without(of_tenant(), "scp"),
    "a person whose scp is empty": lambda: of_tenant(scp=""),
    "a person whose scp is blank": lambda: of_tenant(scp=" "),
    "a person whose scp is a list": lambda: of_tenant(scp=["access"]),
    "a person whose scp is null": lambda: of_tenant(scp=None),
    "a person with roles in place of scp": lambda: without(of_tenant(idtyp="user", roles=["any"]), "scp"),
    "a script's token without idtyp": lambda: without(script_of_tenant(), "idtyp"),
    "a script without roles": lambda: without(script_of_tenant(), "roles"),
    "a script whose roles are none": lambda: script_of_tenant(roles=[]),
    "a script whose roles are text": lambda: script_of_tenant(roles="push"),
    "a script with a role that is empty": lambda: script_of_tenant(roles=[""]),
    "a script with a role that is a number": lambda: script_of_tenant(roles=["push", 1]),
    "a script with scp in place of roles": lambda: without(script_of_tenant(scp="access"), "roles"),
}


@pytest.mark.parametrize("name", NO_ACCESS)
def test_a_token_of_the_tenant_that_gives_no_access_here_is_nobodys(name: str) -> None:
    """Entra signs them all with the same keys, an ID token for the same audience where one registration is both."""
    assert not taken(token(body=of_tenant()), tenant=TENANT).is_script
    assert taken(token(body=script_of_tenant()), tenant=TENANT).is_script
    with pytest.raises(NotSignedIn):
        taken(token(body=NO_ACCESS[name]()), tenant=TENANT)


def test_other_issuers_say_neither_scp_nor_roles() -> None:
    assert not taken(token(body=claims())).is_script
    assert taken(token(body=claims(idtyp="app"))).is_script


def test_a_script_is_told_from_a_person_by_idtyp_alone() -> None:
    assert taken(token(body=script())).is_script
    assert not taken(token(body=claims(roles=["push"], appid="x"))).is_script


def test_a_person_of_entra_is_named_by_object_id_and_never_by_what_can_be_changed() -> None:
    named = taken(token(body=claims(oid="o-1", email="chief@council.example", upn="c", preferred_username="c")))
    assert named.oid == "o-1"
    assert not {"chief@council.example", "c"} & {str(getattr(named, each)) for each in named.__slots__}


def test_a_token_is_known_by_its_issuers_id_of_it_else_by_when_and_for_whom() -> None:
    assert taken(token(body=claims(jti="j-1", uti="u-1"))).token_id == "j-1"
    assert taken(token(body=claims(uti="u-1"))).token_id == "u-1"
    made = [taken(token(body=claims(**more))) for more in ({}, {"weight": 1}, {"sub": "pa-2"}, {"exp": AT + 60})]
    assert made[0].token_id == made[1].token_id
    assert len({each.token_id for each in made}) == 3
    assert len({each.token for each in made}) == 3
    assert "pa-1" not in made[0].token_id + made[0].token + made[0].nameless


def test_when_a_token_was_issued_and_ends_is_said_in_utc() -> None:
    subject = taken(token())
    assert (subject.issued_at, subject.expires_at) == (NOW - timedelta(minutes=1), NOW + timedelta(hours=1))


def test_nobody_is_refused_for_keys_that_were_never_fetched() -> None:
    class Away:
        def named(self, name: str) -> None:
            raise IssuerAway(retry_after=5)

        def known(self) -> bool:
            return False

    away = Verifier(ISSUER, AUDIENCE, Away(), lambda: NOW)
    assert not away.ready()
    with pytest.raises(IssuerAway):
        away.verify(token())
    with pytest.raises(NotSignedIn):
        away.verify("what is no token needs no key to be refused")


def test_the_clock_is_the_one_handed_in() -> None:
    """The machine's own clock, years later, plays no part; nor would it if it stood years before."""
    old = token()
    assert verifier(NOW).verify(old).subject == "pa-1"
    with pytest.raises(NotSignedIn):
        verifier(NOW + timedelta(hours=2)).verify(old)
    with pytest.raises(NotSignedIn):
        verifier(NOW - timedelta(hours=2)).verify(old)


@pytest.mark.parametrize(
    "one",
    [
        None,
        "key",
        {},
        {"kty": "oct", "kid": KID, "k": "c2VjcmV0"},
        {"kty": "EC", "kid": KID, "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kty": "RSA", "kid": KID},
        {"kty": "RSA", "kid": KID, "n": 1, "e": 2},
        {"kty": "RSA", "kid": KID, "n": "", "e": ""},
        {"kty": "RSA", "kid": KID, "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": KID, "n": "\ud800", "e": "AQAB"},
        described(rsa_key("issuer"), use="enc"),
        described(rsa_key("issuer"), use=None),
        described(rsa_key("issuer"), alg="RS512"),
        described(rsa_key("issuer"), alg="HS256"),
        described(rsa_key("short", 1024)),
        described(rsa_key("issuer"), key_ops=["encrypt"]),
        described(rsa_key("issuer"), key_ops=7),
        described(rsa_key("issuer"), d="AQAB", p="AQAB"),
        described_curve(ec_key("issuer"), d="AQAB"),
        described_curve(ec_key("issuer"), use="enc"),
        described_curve(ec_key("issuer"), alg="RS256"),
        described_curve(ec_key("issuer"), alg="ES384"),
        described_curve(ec_key("issuer"), crv="P-384"),
        described_curve(ec_key("issuer"), crv=["P-256"]),
        described_curve(ec_key("issuer"), y="AQ"),
        described_curve(ec_key("issuer", ec.SECP384R1)),
        described_curve(ec_key("issuer", ec.SECP521R1)),
        described(rsa_key("issuer"), alg="ES256"),
        {"kty": ["RSA"], "kid": KID},
        without(described(rsa_key("issuer")), "kid"),
        described(rsa_key("issuer")) | {"kid": 7},
    ],
)
def test_an_unfit_key_is_passed_over_and_the_next_is_found(one: object) -> None:
    keys = identity.keys_of({"keys": [one, described(rsa_key("other"), kid="autumn-2020")]})
    assert list(keys) == [key_name("RS256", "autumn-2020")]


def test_a_key_without_alg_is_taken_as_entra_publishes_it() -> None:
    entra = described(rsa_key("issuer"), use="sig", x5t="abc", x5c=["MIIC"], issuer=ISSUER)
    assert list(identity.keys_of({"keys": [entra]})) == [key_name("RS256", KID)]


def test_one_kid_may_name_a_key_of_each_kind_and_of_one_kind_the_first_counts() -> None:
    twins = [
        described_curve(ec_key("issuer"), kid=KID), described(rsa_key("issuer")), described(rsa_key("thief")),
        described_curve(ec_key("thief"), kid=KID),
    ]  # fmt: skip
    both = Verifier(ISSUER, AUDIENCE, FixedKeys(identity.keys_of({"keys": twins})), lambda: NOW)
    for good in (token(), with_curve(header(alg="ES256"))):
        assert both.verify(good).subject == "pa-1"
    for forged in (token(key="thief"), with_curve(header(alg="ES256"), key="thief")):
        with pytest.raises(NotSignedIn):
            both.verify(forged)


def test_a_key_is_one_of_the_cryptography_backend_and_verifies_its_own_algorithm_alone() -> None:
    keys = issuer_keys().by_name
    assert {name: (key.algorithm, type(key.key).__name__) for name, key in keys.items()} == {
        key_name("RS256", KID): ("RS256", "CryptographyRSAKey"),
        key_name("ES256", CURVE_KID): ("ES256", "CryptographyECKey"),
    }
    assert all(key.key.is_public() for key in keys.values())


@pytest.mark.parametrize("what", [None, [], {}, {"keys": None}, {"keys": {}}, "keys"])
def test_what_is_no_key_set_is_an_error(what: object) -> None:
    with pytest.raises(ValueError, match="JWK set"):
        identity.keys_of(what)


def development(folder: Path) -> Settings:
    return Settings(data_dir=folder / "var")


def test_a_minted_token_is_believed_by_the_same_development_settings(tmp_path: Path) -> None:
    settings = development(tmp_path)
    minted = identity.mint(settings, "demo-pa-1", at=NOW, lifetime=timedelta(hours=8))
    later = identity.verifier_for(settings, clock=lambda: NOW + timedelta(hours=7))
    assert (later.ready(), later.verify(minted).subject, later.verify(minted).is_script) == (True, "demo-pa-1", False)
    robots = identity.mint(settings, "demo-robot", at=NOW, lifetime=timedelta(hours=8), script=True)
    assert later.verify(robots).is_script
    with pytest.raises(NotSignedIn):
        identity.verifier_for(settings, clock=lambda: NOW + timedelta(hours=9)).verify(minted)


def test_a_minted_token_is_of_the_tenant_that_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", oidc_tenant=TENANT)
    minted = identity.mint(settings, "demo-pa-1", at=NOW, lifetime=timedelta(hours=8))
    here = identity.verifier_for(settings, clock=lambda: NOW)
    assert (here.verify(minted).subject, here.verify(minted).is_script) == ("demo-pa-1", False)
    robots = identity.mint(settings, "demo-robot", at=NOW, lifetime=timedelta(hours=8), script=True)
    assert here.verify(robots).is_script
    with pytest.raises(NotSignedIn):
        here.verify(identity.mint(development(tmp_path), "demo-pa-1", at=NOW, lifetime=timedelta(hours=8)))


def test_a_token_minted_on_another_machine_is_refused(tmp_path: Path) -> None:
    minted = identity.mint(development(tmp_path / "theirs"), "demo-pa-1", at=NOW, lifetime=timedelta(hours=8))
    with pytest.raises(NotSignedIn):
        identity.verifier_for(development(tmp_path / "ours"), clock=lambda: NOW).verify(minted)


def test_production_neither_mints_nor_trusts_a_key_of_its_own(tmp_path: Path) -> None:
    production = Settings(environment=Environment.PRODUCTION, data_dir=tmp_path / "var")
    with pytest.raises(SettingsRefused, match="LOS_ENVIRONMENT"):
        identity.mint(production, "demo-pa-1", at=NOW, lifetime=timedelta(hours=8))
    with pytest.raises(SettingsRefused, match="LOS_ENVIRONMENT"):
        identity.verifier_for(production, clock=lambda: NOW)
    assert not (tmp_path / "var").exists()


def test_development_with_an_issuer_mints_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", jwks_url="http://127.0.0.1:9400/jwks")
    with pytest.raises(SettingsRefused, match="LOS_JWKS_URL"):
        identity.mint(settings, "demo-pa-1", at=NOW, lifetime=timedelta(hours=8))


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(hours=24, seconds=1)])
def test_no_token_is_minted_that_would_be_refused(tmp_path: Path, lifetime: timedelta) -> None:
    with pytest.raises(ValueError, match="24 hours"):
        identity.mint(development(tmp_path), "demo-pa-1", at=NOW, lifetime=lifetime)
