"""Row S9: callback URLs by which a caller would have us reach what only we can; not one of them leads to a connection."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import pytest

from modelway_platform.gateway.jobs.callbacks.callback_guard import (
    Address,
    CallbackRules,
    address_problem,
    connect_problem,
    is_public,
    target_of,
)
from modelway_platform.gateway.jobs.callbacks.callbacks import Callbacks, RefusedError, resolve
from modelway_platform.gateway.jobs.http_call import CallFailedError
from modelway_platform.gateway.jobs.job import Job
from modelway_platform.gateway.jobs.stores.store_sql import SqlJobStore

_LOOPBACK = ("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "[::1]")
_LOOPBACK_WRITINGS = (
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.01",
    "127.000.000.001",
    "0",
    "0.0.0.0",
    "0x0",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "[0:0:0:0:0:0:0:1]",
    "[0000::1]",
    "[::]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "ip6-localhost",
    "localhost.localdomain",
    "x.localhost",
)
_PRIVATE = (
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "0.1.2.3",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:192.168.1.1]",
    "[64:ff9b::a00:1]",
    "[2002:a00:1::]",
    "[2002:c0a8:101::]",
    "printer",
    "db.internal",
    "nas.local",
    "router.home.arpa",
)
_METADATA = (
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "100.100.100.200",
    "192.0.0.192",
    "metadata.google.internal",
    "metadata",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
)
_SHAPES = (
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/x",
    "dict://127.0.0.1:{port}/x",
    "ldap://127.0.0.1:{port}/x",
    "ws://127.0.0.1:{port}/x",
    "jar:http://127.0.0.1:{port}/x!/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "//127.0.0.1:{port}/x",
    "127.0.0.1:{port}",
    "/relative",
    "",
    "http:",
    "https://",
    "https:///x",
    "http:127.0.0.1:{port}",
    "https://good.example@127.0.0.1:{port}/x",
    "https://user:secret@good.example:{port}/x",
    "https://127.0.0.1:{port}#@good.example/",
    "https://good.example#@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@good.example/",
    "https:\\\\127.0.0.1:{port}\\x",
    "https://good.example\\.127.0.0.1:{port}/",
    "https://127.0.0.1:{port}%23.good.example/",
    "https://127.0.0.1:{port}/\r\nX-Evil: 1",
    "https://good.example/\r\nHost: 127.0.0.1:{port}",
    "https://good.example%0d%0aX:1@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/\x00",
    " https://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/ x",
    "https://127.0.0.1\t:{port}/",
    "https://good.example:0/",
    "https://good.example:99999/",
    "https://good.example:/",
    "https://good.example:{port}x/",
    "https://[::1:{port}/",
    "https://::1:{port}/",
    "https://[127.0.0.1]:{port}/",
    "http://good.example/plain",
    "https://" + "a" * 3000,
    "https://-bad-.example/",
    "https://exa_mple..com/",
)
# Names that lead somewhere else when they are looked up, and how.
_REBINDING = {
    "rebound.example": ["127.0.0.1"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "sixth.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "cloud.example": ["169.254.169.254"],
    "office.example": ["10.1.2.3"],
    "nat.example": ["64:ff9b::7f00:1"],
    "nowhere.example": [],
}
HOSTILE = (
    *(f"{scheme}://{host}:{{port}}/hook" for host in (*_LOOPBACK, *_LOOPBACK_WRITINGS) for scheme in ("https", "http")),
    *(f"https://{host}:{{port}}/hook" for host in (*_PRIVATE, *_METADATA)),
    *_SHAPES,
    *(f"https://{name}:{{port}}/hook" for name in _REBINDING),
)


@dataclass
class Trap:
    """Listens where an attacker would like to get to; counts who comes."""

    port: int = 0
    connections: int = 0
    looked_up: list[str] = field(default_factory=list[str])

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.looked_up.append(host)
        if host in _REBINDING:
            return [ipaddress.ip_address(text) for text in _REBINDING[host]]
        return await resolve(host, port)


@pytest.fixture
async def trap() -> AsyncGenerator[Trap]:
    made = Trap()

    def came(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        writer.transport.abort()

    listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    made.port = listening.getsockname()[1]
    server = await asyncio.start_server(came, sock=listening)
    yield made
    server.close()
    await server.wait_closed()


def deliverer(trap: Trap, rules: CallbackRules) -> Callbacks:
    return Callbacks(SqlJobStore("sqlite://"), "secret", rules, resolve=trap.resolve)


def told(url: str) -> Job:
    return Job(id="job_" + "0" * 26, model="p/m", target="/", callback=url, state="succeeded", finished_at=1.0)


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 120


async def test_no_hostile_url_leads_to_a_connection(trap: Trap, record_property: Callable[[str, object], None]) -> None:
    callbacks = deliverer(trap, CallbackRules())
    refused = 0
    for template in HOSTILE:
        url = template.replace("{port}", str(trap.port))
        with pytest.raises(RefusedError):
            await callbacks.call(told(url))
        refused += 1
    await asyncio.sleep(0.05)
    record_property("hostile_callback_urls", refused)
    record_property("hostile_callback_connections", trap.connections)
    assert trap.connections == 0


@pytest.mark.parametrize("template", [url for url in HOSTILE if not any(name in url for name in _REBINDING)])
def test_they_are_refused_when_a_job_is_submitted_already(template: str) -> None:
    assert address_problem(template.replace("{port}", "8443"), CallbackRules())


def test_the_words_of_a_refusal_hold_nothing_of_the_url() -> None:
    for template in HOSTILE:
        problem = address_problem(template, CallbackRules())
        assert "127" not in problem
        assert "secret" not in problem


async def test_the_trap_works(trap: Trap) -> None:
    """The same delivery to the same trap, allowed: it is the guard that keeps the others away."""
    callbacks = deliverer(trap, CallbackRules(allowed=(ipaddress.ip_network("127.0.0.0/8"),)))
    for url in (f"http://127.0.0.1:{trap.port}/", f"http://rebound.example:{trap.port}/"):
        with pytest.raises(CallFailedError):
            await callbacks.call(told(url))
    assert trap.connections == 2
    assert trap.looked_up == ["127.0.0.1", "rebound.example"], "each name is looked up once"


def test_public_addresses_may_be_called() -> None:
    for url in (
        "https://example.com/hook?x=1",
        "https://hooks.example.com:8443/a/b",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://xn--bcher-kva.example/",
        "HTTPS://EXAMPLE.COM/",
    ):
        assert address_problem(url, CallbackRules()) == "", url
    assert is_public(ipaddress.ip_address("64:ff9b::5db8:d822"))


def test_configured_networks_may_be_called_and_only_they() -> None:
    rules = CallbackRules(allowed=(ipaddress.ip_network("10.20.0.0/16"),))
    assert address_problem("http://10.20.3.4:8080/x", rules) == ""
    assert address_problem("http://10.21.3.4:8080/x", rules)
    assert address_problem("http://93.184.216.34/", rules), "plain http stays for those networks alone"
    target = target_of("http://hooks.corp:8080/x")
    assert connect_problem(target, ipaddress.ip_address("10.20.0.1"), rules) == ""
    assert connect_problem(target, ipaddress.ip_address("127.0.0.1"), rules)
    assert connect_problem(target, ipaddress.ip_address("93.184.216.34"), rules)


def test_a_target_says_what_goes_into_the_host_header() -> None:
    assert target_of("https://a.example/x").authority == "a.example"
    assert target_of("https://a.example:444/x?y=1").authority == "a.example:444"
    assert target_of("https://[2606::1]/").authority == "[2606::1]"
    assert target_of("https://a.example?x=1").path == "/?x=1"
