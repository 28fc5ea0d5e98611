"""Names for keys: good for a while, once where asked, the oldest first to go."""

from dataclasses import replace

from modelway_platform.console.sessions import MOST_KEPT, Secrets, Who


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_name_stands_for_its_key_until_its_time_is_over() -> None:
    clock = Clock()
    kept = Secrets(60, clock)
    name, session = kept.add("mw_key", Who("ann", "admin"))
    assert kept.find(name) == session
    assert session.key == "mw_key"
    assert "mw_key" not in name + session.token
    clock.now = 59.9
    assert kept.find(name) == session
    clock.now = 60
    assert kept.find(name) is None
    clock.now = 0
    assert kept.find(name) is None, "what is over is forgotten"


def test_a_ticket_is_taken_once() -> None:
    kept = Secrets(60)
    name, session = kept.add("mw_key", Who("ann", "admin"))
    assert kept.take(name) == session
    assert kept.take(name) is None
    assert kept.take("guessed") is None


def test_the_same_key_never_has_the_same_name_and_memory_is_bounded() -> None:
    kept = Secrets(60)
    names = [kept.add("mw_key", Who("ann", "admin"))[0] for _ in range(MOST_KEPT + 5)]
    assert len(set(names)) == len(names)
    assert [kept.find(name) is None for name in names[:6]] == [True] * 5 + [False]


def test_a_session_is_changed_under_its_name_and_ends_as_before() -> None:
    now = [0.0]
    kept = Secrets(60, lambda: now[0])
    name, session = kept.add("mw_token", Who("ann", "deployer", ("vision",)))
    now[0] = 50
    kept.change(name, replace(session, calls_with="mw_key"))
    found = kept.find(name)
    assert found is not None
    assert (found.key, found.calls_with, found.who.projects) == ("mw_token", "mw_key", ("vision",))
    now[0] = 61
    assert kept.find(name) is None
    kept.change(name, session)
    assert kept.find(name) is None
