"""JSON Web Tokens: good ones open what they say, and of everything anybody thought of to forge one, nothing does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from modelway_platform.domain.access.json_web_keys import usable_keys
from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.route_table import IssuerEntry
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Received, Replica

ISSUER, AUDIENCE = "https://login.example.com", "models"


@dataclass(frozen=True)
class Signer:
    """A private key with its public JWK."""

    kid: str
    algorithm: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**{name: value for name, value in made.items() if name != "key_ops"}, "kid": self.kid, "use": "sig"}

    @property
    def pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)

    def sign(self, claims: dict[str, Any] | None = None, **headers: Any) -> str:
        head = {"kid": self.kid, **headers}
        return jwt.encode(usual(claims), self.private, self.algorithm, {k: v for k, v in head.items() if v is not None})


RSA = Signer("rsa", "RS256", rsa.generate_private_key(65537, 2048))
PSS = Signer("rsa", "PS256", RSA.private)
EC = Signer("ec", "ES256", ec.generate_private_key(ec.SECP256R1()))
ED = Signer("ed", "EdDSA", ed25519.Ed25519PrivateKey.generate())
STRANGER = Signer("rsa", "RS256", rsa.generate_private_key(65537, 2048))


def usual(more: dict[str, Any] | None = None) -> dict[str, Any]:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 300, **(more or {})}
    return {name: value for name, value in claims.items() if value is not None}


def issuer(*signers: Signer, **usual: Any) -> IssuerEntry:
    keys, problems = usable_keys({"keys": [each.jwk for each in signers or (RSA, EC, ED)]})
    assert not problems
    entry = IssuerEntry(
        name="corp",
        issuer=ISSUER,
        audiences=(AUDIENCE, "other"),
        algorithms=("RS256", "PS256", "ES256", "EdDSA"),
        leeway_seconds=5.0,
        consumer_claim="sub",
        scopes=(),
        scopes_claim="",
        required=(),
        keys=keys,
    )
    return replace(entry, **usual)


@pytest.fixture
def only(replica: Callable[..., Replica]) -> Replica:
    return replica()


@pytest.fixture
def publish(gateway: Gateway, only: Replica, table: type[Table]) -> Callable[..., None]:
    def with_issuers(*issuers: IssuerEntry) -> None:
        gateway.number += 1
        made = table({"v1": (1, [only])}, access="key").made(gateway.number)
        write_table(gateway.table_path, replace(made, issuers=issuers))
        gateway.call(gateway.watch.look)

    return with_issuers


@pytest.fixture
def ask(call: Callable[..., Peer]) -> Callable[..., Received]:
    caller: list[Peer] = []

    def asked(token: str | bytes, target: str = "/p/m/predict", *, new: bool = False) -> Received:
        if not caller or new:
            caller[:] = [call()]
        secret = token.encode() if isinstance(token, str) else token
        caller[0].send(
            b"POST %b HTTP/1.1\r\nHost: x\r\nX-Request-Id: same\r\nContent-Length: 0\r\nAuthorization: Bearer %b\r\n\r\n"
            % (target.encode(), secret)
        )
        return caller[0].answer()

    return asked


@pytest.mark.parametrize("signer", [RSA, PSS, EC, ED], ids=lambda each: each.algorithm)
def test_good_tokens_are_taken_and_known_again(
    gateway: Gateway, only: Replica, publish: Callable[..., None], ask: Callable[..., Received], signer: Signer
) -> None:
    publish(issuer())
    token = signer.sign({"sub": "alice@example.com|1"})
    assert [ask(token).status for _ in range(3)] == [200] * 3
    assert [each.header("modelway-consumer") for each in only.requests] == ["corp:alice@example.com|1"] * 3
    assert not [name for each in only.requests for name, value in each.headers if token in value]
    record = gateway.records()[0]
    assert (record["consumer"], record["key"]) == ("corp:alice@example.com|1", "")
    tokens = gateway.worker.routes.credentials.tokens
    assert tokens is not None
    assert list(tokens.known) == [token.encode()]
    publish(issuer())
    assert gateway.worker.routes.credentials.tokens is tokens  # what is known goes on from table to table


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: Any, claims: Any = None, signature: bytes = b"") -> str:
    return f"{part(header)}.{part(usual() if claims is None else claims)}.{part(signature)}"


def signed_by_hand(header: dict[str, Any], claims: dict[str, Any] | bytes | None = None) -> str:
    """A true signature over a header the library would not write."""
    made = f"{part(header)}.{part(usual() if claims is None else claims)}"
    algorithm = jwt.get_algorithm_by_name("RS256")
    return f"{made}.{part(algorithm.sign(made.encode(), RSA.private))}"


def with_hmac(secret: bytes, algorithm: str = "HS256", kid: str | None = "rsa") -> str:
    made = f"{part({'alg': algorithm, 'kid': kid, 'typ': 'JWT'})}.{part(usual())}"
    return f"{made}.{part(hmac.new(secret, made.encode(), hashlib.sha256).digest())}"


def flipped(token: str, at: int = -10) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


NOW = int(time.time())
GOOD = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
ATTACKS: dict[str, str | bytes] = {
    "none": by_hand({"alg": "none", "typ": "JWT"}),
    "none, with kid": by_hand({"alg": "none", "kid": "rsa"}),
    "None": by_hand({"alg": "None", "kid": "rsa"}),
    "nOnE": by_hand({"alg": "nOnE", "kid": "rsa"}, signature=b"x"),
    "no alg": by_hand({"kid": "rsa"}, signature=b"x"),
    "alg a list": by_hand({"alg": ["RS256"], "kid": "rsa"}, signature=b"x"),
    "alg null": by_hand({"alg": None, "kid": "rsa"}, signature=b"x"),
    "HS with the public key as PEM": with_hmac(RSA.pem),
    "HS with the PEM, stripped": with_hmac(RSA.pem.strip()),
    "HS with the JWK": with_hmac(json.dumps(RSA.jwk).encode()),
    "HS with nothing": with_hmac(b""),
    "HS with nothing, no kid": with_hmac(b"", kid=None),
    "HS called RS": with_hmac(RSA.pem, "RS256"),
    "HS called ES": with_hmac(EC.pem, "ES256", "ec"),
    "RS by a stranger": STRANGER.sign(),
    "RS by a stranger, no kid": STRANGER.sign(kid=None),
    "RS called PS": signed_by_hand({**GOOD, "alg": "PS256"}),
    "RS for the EC key": RSA.sign(kid="ec"),
    "ES for the RSA key": EC.sign(kid="rsa"),
    "RS512, not allowed": jwt.encode(usual(), RSA.private, "RS512", {"kid": "rsa"}),
    "kid unknown": RSA.sign(kid="other"),
    "kid empty": RSA.sign(kid=""),
    "kid a path": with_hmac(b"", kid="../../../../dev/null"),
    "kid SQL": with_hmac(b"x", kid="x' UNION SELECT 'x"),
    "kid with zero": RSA.sign(kid="rsa\0"),
    "kid a command": RSA.sign(kid="rsa|id"),
    "kid a number": signed_by_hand({**GOOD, "kid": 1}),
    "kid a list": signed_by_hand({**GOOD, "kid": ["rsa"]}),
    "kid long": RSA.sign(kid="r" * 5000),
    "jku": signed_by_hand({**GOOD, "jku": "https://evil.example.com/keys"}),
    "x5u": signed_by_hand({**GOOD, "x5u": "https://evil.example.com/keys"}),
    "x5c": signed_by_hand({**GOOD, "x5c": ["MIIB"]}),
    "jwk of a stranger": STRANGER.sign(jwk=STRANGER.jwk, kid=None),
    "jwk, kid ours": STRANGER.sign(jwk=STRANGER.jwk),
    "jwk, signature ours": signed_by_hand({**GOOD, "jwk": RSA.jwk}),
    "crit unknown (CVE-2026-32597, CVE-2025-59420)": signed_by_hand({**GOOD, "crit": ["exp2"], "exp2": 1}),
    "crit empty": signed_by_hand({**GOOD, "crit": []}),
    "crit known": signed_by_hand({**GOOD, "crit": ["exp"]}),
    "b64 false": signed_by_hand({**GOOD, "b64": False, "crit": ["b64"]}),
    "b64 without crit": signed_by_hand({**GOOD, "b64": False}),
    "b64 true": signed_by_hand({**GOOD, "b64": True}),
    "compressed": signed_by_hand({**GOOD, "zip": "DEF"}),
    "an encrypted one": "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
    "typ of another kind": signed_by_hand({**GOOD, "typ": "logout+jwt"}),
    "alg twice": signed_by_hand(b'{"alg":"none","alg":"RS256","kid":"rsa"}'),  # pyright: ignore[reportArgumentType] - bytes as they are
    "claims twice": signed_by_hand(GOOD, json.dumps(usual()).replace("{", '{"iss":"x",', 1).encode()),
    "aud other": RSA.sign({"aud": "billing"}),
    "aud none": RSA.sign({"aud": None}),
    "aud empty": RSA.sign({"aud": []}),
    "aud longer": RSA.sign({"aud": AUDIENCE + "x"}),
    "aud a number": RSA.sign({"aud": 7}),
    "iss other": RSA.sign({"iss": "https://evil.example.com"}),
    "iss with a slash more": RSA.sign({"iss": ISSUER + "/"}),
    "iss none": RSA.sign({"iss": None}),
    "iss a list": signed_by_hand(GOOD, usual({"iss": [ISSUER]})),
    "sub none": RSA.sign({"sub": None}),
    "sub empty": RSA.sign({"sub": ""}),
    "sub a number": signed_by_hand(GOOD, usual({"sub": 1})),
    "sub long": RSA.sign({"sub": "a" * 201}),
    "expired": RSA.sign({"exp": NOW - 60}),
    "exp none": RSA.sign({"exp": None}),
    "exp a text": signed_by_hand(GOOD, usual({"exp": "tomorrow"})),
    "exp huge": signed_by_hand(GOOD, usual({"exp": 10**400})),
    "exp infinite": signed_by_hand(GOOD, json.dumps(usual()).replace(str(usual()["exp"])[:4], '-Infinity, "z": 1', 1).encode()),
    "not before": RSA.sign({"nbf": NOW + 3600}),
    "issued later": RSA.sign({"iat": NOW + 3600}),
    "signature flipped": flipped(RSA.sign()),
    "claims flipped": flipped(RSA.sign(), -400),
    "signature of another": RSA.sign().rpartition(".")[0] + "." + RSA.sign({"sub": "bob"}).rpartition(".")[2],
    "signature cut": RSA.sign()[:-8],
    "no signature": RSA.sign().rpartition(".")[0] + ".",
    "two parts": RSA.sign().rpartition(".")[0],
    "four parts": RSA.sign() + ".x",
    "ES zero signature (CVE-2022-21449)": by_hand({"alg": "ES256", "kid": "ec"}, signature=bytes(64)),
    "ES in DER": by_hand({"alg": "ES256", "kid": "ec"}, signature=EC.private.sign(b"x", ec.ECDSA(jwt.get_algorithm_by_name("ES256").hash_alg()))),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - of its subclass
    "header no object": by_hand([1]),
    "header deep": by_hand(b"[" * 2000),
    "claims no object": signed_by_hand(GOOD, b"[]"),
    "claims deep": signed_by_hand(GOOD, b'{"a":' * 1000),
    "no base64": "a.b!.c",
    "dots": "..",
    "not ASCII": b"\xff.\xfe.\xfd",
    "20 KB": RSA.sign({"pad": "x" * 15_000}),
    "a key's form": "mw_" + "a" * 49,
    "SQL (CVE-2026-42208)": "' OR '1'='1",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_forged_token_opens_anything_and_all_hear_the_same(
    only: Replica, publish: Callable[..., None], ask: Callable[..., Received], attack: str
) -> None:
    publish(issuer())
    refused, unknown = ask(ATTACKS[attack]), ask("mw_unknown", new=True)
    assert (refused.status, refused.body) == (401, unknown.body), attack
    assert refused.header("www-authenticate") == unknown.header("www-authenticate")
    assert not only.requests


def test_what_is_forged_by_hand_is_taken_when_it_is_true(
    publish: Callable[..., None], ask: Callable[..., Received]
) -> None:
    """So that each of the attacks above fails by what it changes, and not by how it was made."""
    publish(issuer())
    assert ask(signed_by_hand(GOOD)).status == 200
    assert ask(signed_by_hand({"alg": "RS256", "kid": "rsa", "x5t": "abc", "typ": "at+jwt"})).status == 200
    assert ask(signed_by_hand(GOOD, usual({"aud": ["x", AUDIENCE], "nbf": NOW - 9, "iat": NOW - 9}))).status == 200
    assert ask(RSA.sign({"exp": int(time.time()) - 2})).status == 200  # within the leeway


def test_a_megabyte_is_no_token(only: Replica, publish: Callable[..., None], ask: Callable[..., Received]) -> None:
    publish(issuer())
    assert ask(b"a" * (1 << 20)).status == 431
    assert not only.requests


def test_a_token_ends_by_the_workers_clock(
    gateway: Gateway, publish: Callable[..., None], ask: Callable[..., Received]
) -> None:
    publish(issuer(leeway_seconds=0.0))
    token = RSA.sign({"exp": int(time.time()) + 2})
    assert [ask(token).status for _ in range(3)] == [200] * 3
    ends = time.monotonic() + 6
    while ask(token).status == 200:
        gateway.call(gateway.watch.look)
        time.sleep(0.02)
        assert time.monotonic() < ends
    tokens = gateway.worker.routes.credentials.tokens
    assert tokens is not None
    assert not tokens.known


def test_an_issuer_or_key_that_goes_takes_its_tokens_along(
    publish: Callable[..., None], ask: Callable[..., Received]
) -> None:
    token, other = RSA.sign(), EC.sign()
    publish(issuer())
    assert [ask(token).status, ask(other).status] == [200, 200]
    publish(issuer(EC))
    assert [ask(token).status, ask(other).status] == [401, 200]
    publish(issuer(keys=()))
    assert ask(other).status == 401
    publish()
    assert ask(other).status == 401


def test_scopes_of_issuer_and_token_bound_together(publish: Callable[..., None], ask: Callable[..., Received]) -> None:
    targets = ("/p/m/predict", "/p/other/predict", "/q/m/predict")

    def asked(claims: dict[str, Any]) -> list[int]:
        token = RSA.sign(claims)
        return [ask(token, target).status for target in targets]

    publish(issuer(scopes=("p/*",)))
    assert asked({}) == [200, 404, 403]
    assert asked({"scope": "q/*"}) == [200, 404, 403]  # the claim means nothing unless declared
    publish(issuer(scopes=("p/*",), scopes_claim="scope"))
    assert asked({"scope": "openid p/m q/m"}) == [200, 403, 403]
    assert asked({"scope": ["*/*"]}) == [200, 404, 403]
    assert asked({"scope": {"p/m": 1}}) == [403, 403, 403]
    assert asked({}) == [403, 403, 403]
    publish(issuer(scopes_claim="scope"))
    assert asked({"scope": "*/m"}) == [200, 403, 404]


def test_required_claims_and_another_consumer_claim(
    only: Replica, publish: Callable[..., None], ask: Callable[..., Received]
) -> None:
    publish(issuer(required=(("tenant", "acme"), ("groups", "ml")), consumer_claim="email"))
    good = {"tenant": "acme", "groups": ["dev", "ml"], "email": "a@b.c\u00e9 \r\nX: y", "sub": None}
    assert ask(RSA.sign(good)).status == 200
    assert only.requests[0].header("modelway-consumer") == "corp:a@b.c%C3%A9%20%0D%0AX:%20y"
    for less in ({"tenant": None}, {"tenant": "acme2"}, {"groups": ["dev"]}, {"groups": {"ml": 1}}, {"email": None}):
        assert ask(RSA.sign({**good, **less})).status == 401, less


def test_several_issuers_vouch_for_their_own_only(publish: Callable[..., None], ask: Callable[..., Received]) -> None:
    other = issuer(STRANGER, name="other", issuer="https://other.example.com")
    publish(issuer(), other)
    theirs = {"iss": "https://other.example.com"}
    assert [ask(each).status for each in (RSA.sign(), STRANGER.sign(theirs))] == [200, 200]
    assert [ask(each).status for each in (STRANGER.sign(), RSA.sign(theirs))] == [401, 401]


def test_a_token_without_kid_needs_one_key_that_fits(
    publish: Callable[..., None], ask: Callable[..., Received]
) -> None:
    publish(issuer(RSA, EC))
    assert ask(RSA.sign(kid=None)).status == 200
    second = Signer("second", "RS256", STRANGER.private)
    publish(issuer(RSA, second))
    assert ask(RSA.sign(kid=None)).status == 401
    assert ask(second.sign()).status == 200


def test_known_tokens_are_bounded(
    gateway: Gateway, publish: Callable[..., None], ask: Callable[..., Received], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelway_platform.gateway.proxy import tokens  # noqa: PLC0415

    monkeypatch.setattr(tokens, "MAX_KNOWN_TOKENS", 3)
    publish(issuer())
    for turn in range(8):
        assert ask(ED.sign({"sub": f"s{turn}"})).status == 200
    verifier = gateway.worker.routes.credentials.tokens
    assert verifier is not None
    assert len(verifier.known) <= 3


def test_tables_with_unfit_issuers_are_refused(table: type[Table]) -> None:
    made = table({"v1": (1, [])}).made(1)
    assert problems_of(replace(made, issuers=(issuer(),))) == []
    unfit = (
        issuer(algorithms=("HS256",)),
        issuer(algorithms=("RS256", "none")),
        issuer(algorithms=()),
        issuer(audiences=()),
        issuer(issuer=""),
        issuer(leeway_seconds=float("nan")),
        issuer(leeway_seconds=86_400.0),
        issuer(scopes=("p",)),
        issuer(keys=("{",)),
        issuer(keys=('{"kty":"oct","k":"c2VjcmV0"}',)),
    )
    for each in unfit:
        assert len(problems_of(replace(made, issuers=(each,)))) == 1, each
    assert problems_of(replace(made, issuers=(issuer(), issuer(name="b")))) == [f"issuer {ISSUER} appears twice"]
