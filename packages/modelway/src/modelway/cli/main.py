"""The `modelway` command: finds the verb, imports only that verb's module, runs it, says errors plainly."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from modelway.cli.command import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, Command, make_parser
from modelway.cli.showing.output import paint, print_error
from modelway.errors import ModelwayError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "modelway.cli"


class Verb(NamedTuple):
    """Where a verb's `COMMAND` is and its line in the list, kept here so that `--help` imports no verb."""

    module: str
    help: str


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "new": Verb("modelway.cli.new", "start a project that works: handler, test, golden example"),
        "import": Verb("modelway.cli.import_model", "make a project of a TorchServe, MLServer or MLflow model"),
        "check": Verb(
            "modelway.cli.check", "say what a package of this project would be refused for, and how to fix it"
        ),
        "serve": Verb("modelway.cli.serve", "answer requests from a handler, a project or a package"),
        "quarantine": Verb("modelway.cli.quarantine", "look at inputs that a model failed on, and send them again"),
        "package": Verb("modelway.cli.package", "make the archive that is deployed"),
        "sign": Verb("modelway.cli.sign", "vouch for a package with a key of your own"),
        "verify": Verb("modelway.cli.verify", "check that a package is whole and signed by somebody you trust"),
        "client": Verb("modelway.cli.client", "make a typed Python package with which others call a model"),
        "push": Verb("modelway.cli.push", "send a package to a store: a bucket or a folder"),
        "pull": Verb("modelway.cli.pull", "fetch a package from a store"),
        "list": Verb("modelway.cli.list_packages", "list the packages of a store"),
        "share": Verb("modelway.cli.share", "let somebody pull one package for a while"),
        "apply": Verb("modelway.cli.apply", "declare deployments and routes from files"),
        "diff": Verb("modelway.cli.diff", "what an apply would change, restart and do to traffic"),
        "get": Verb("modelway.cli.get", "list deployments, routes, rollouts, stages, endpoints or packages"),
        "describe": Verb("modelway.cli.describe", "everything about one deployment, route, stage or cluster"),
        "delete": Verb("modelway.cli.delete", "remove a deployment, a route, a stage or a cluster"),
        "rollout": Verb(
            "modelway.cli.rollout",
            "status, pause, resume, approve, promote, abort, retry, history, undo; compare versions",
        ),
        "route": Verb("modelway.cli.route", "explain which version and replica would answer a request, and why"),
        "mirror": Verb("modelway.cli.mirror", "copies of requests: how often another version says the same"),
        "logs": Verb("modelway.cli.logs", "read, follow or ask access logs; read server logs"),
        "traffic": Verb("modelway.cli.traffic", "who called what in a stretch of time, with the weights of then"),
        "anomalies": Verb(
            "modelway.cli.anomalies", "what the platform noticed of models; acknowledge, mute, say what is watched"
        ),
        "call": Verb("modelway.cli.call", "send one request to a model through the gateway"),
        "job": Verb("modelway.cli.job", "look after asynchronous requests: list, get, result, wait, cancel, replay"),
        "key": Verb("modelway.cli.key", "create, list, rotate and revoke API keys"),
        "token": Verb("modelway.cli.token", "create, list and revoke tokens of the control API: who may change what"),
        "audit": Verb("modelway.cli.audit", "who changed what, when and from where"),
        "issuer": Verb("modelway.cli.issuer", "declare whose JSON Web Tokens are taken beside keys"),
        "promote": Verb("modelway.cli.promote", "move a deployment into the next stage of its project"),
        "promotion": Verb(
            "modelway.cli.promotion", "promotions: list, show with gates, approve, reject, pause, resume, abort, retry"
        ),
        "source": Verb("modelway.cli.source", "follow Git repositories whose files say what is declared"),
    }
)
_LOCAL = (
    "new",
    "import",
    "check",
    "serve",
    "quarantine",
    "package",
    "sign",
    "verify",
    "client",
    "push",
    "pull",
    "list",
    "share",
)
_GROUPS = (("On your machine", _LOCAL), ("With a platform", tuple(name for name in VERBS if name not in _LOCAL)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code: 0 done, 1 an error, 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except ModelwayError as error:
        print_error(error)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `modelway get … | head` is no error; keep the interpreter's last flush quiet, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        if os.environ.get("MODELWAY_DEBUG"):
            raise
        message = f"unexpected {type(error).__name__}: {error}"
        print_error(ModelwayError(message, hint="set MODELWAY_DEBUG=1 to see where it happened, and please report it."))
        return EXIT_ERROR
    return code


def _dispatch(words: list[str]) -> int:
    if words and words[0] == "help":
        words = [*words[1:2], "--help"]
    if not words or words[0] in {"-h", "--help"}:
        _print_help()
        return EXIT_OK
    if words[0] in {"-V", "--version"}:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, rarely needed

        print(f"modelway {version('modelway')}")
        return EXIT_OK
    command = find_command(words[0])
    if command is None:
        _print_unknown(words[0])
        return EXIT_USAGE
    rest = words[1:]
    if rest and rest[0] in command.more:
        command, rest = command.more[rest[0]], rest[1:]
    return command.run(make_parser(command).parse_args(rest))


def find_command(name: str) -> Command | None:
    """The verb's command: ours, or one another distribution adds through the entry points `modelway.cli`."""
    if name in VERBS:
        return importlib.import_module(VERBS[name].module).COMMAND
    return plugin_verbs()[name].load() if name in plugin_verbs() else None


def plugin_verbs() -> "dict[str, EntryPoint]":
    """Verbs other installed distributions add, such as `up`; looked up only when needed."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, not needed by our own verbs

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _print_unknown(name: str) -> None:
    from difflib import get_close_matches  # noqa: PLC0415 - only for this message

    close = get_close_matches(name, [*VERBS, *plugin_verbs()], n=1)
    message = f"there is no command '{name}'" if not name.startswith("-") else f"there is no option '{name}'"
    hint = f"did you mean `modelway {close[0]}`?" if close else "`modelway --help` lists them."
    print_error(ModelwayError(message, hint=hint, code="invalid_request"))


def _print_help() -> None:
    lines = [
        "Write one handler class; package it; serve it with the code that runs in production.",
        "",
        "usage: modelway COMMAND [arguments]",
    ]
    # Their one-line help would cost an import each; a platform's verbs say enough by their name and `-h`.
    others = {name: f"from {point.dist.name if point.dist else 'a plug-in'}" for name, point in plugin_verbs().items()}
    known = {
        "up": "run the platform on this machine",
        "image": "make container images of packages and push them",
        "database": "copy a platform's database into another one, look at it, change its shape",
        "gateway": "run a gateway on a machine of its own; replace a gateway's workers",
    }
    others |= {name: text for name, text in known.items() if name in others}
    for title, names in _GROUPS:
        lines += ["", paint(title, "bold")]
        if names[0] != "new":
            lines += [f"  {name:<10} {text}" for name, text in sorted(others.items())]
        lines += [f"  {name:<10} {VERBS[name].help}" for name in names]
    lines += ["", "`modelway COMMAND -h` explains one command, with an example. Start with:", "  modelway new hello"]
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
