"""`modelway describe`: everything about one deployment or route, ending with how to call it."""

import argparse
import json
from collections.abc import Sequence

from modelway.cli.command import EXIT_OK, Command
from modelway.cli.connect import add_connection_options, connection_of
from modelway.cli.document_name import DocumentName, add_document_names, document_names
from modelway.cli.showing.object_details import (
    CLUSTER_COLUMNS,
    CONDITION_COLUMNS,
    EVENT_COLUMNS,
    REVISION_COLUMNS,
    cluster_rows,
    condition_rows,
    event_rows,
    revision_rows,
)
from modelway.cli.showing.object_tables import (
    NOTHING,
    Object,
    clusters_of,
    columns_of,
    member,
    members,
    message_of,
    number,
    phase_cell,
    row_of,
    text,
    weights_text,
)
from modelway.cli.showing.output import paint
from modelway.cli.showing.package_facts import endpoints_of, example_request, signature_of
from modelway.cli.showing.phase_rows import PHASE_COLUMNS, phase_rows
from modelway.cli.showing.rollout_page import move_table, rollout_lines
from modelway.cli.showing.table_text import Row, one_line, printable, table_lines
from modelway.cli.showing.time_text import age, date_and_time
from modelway.cli.showing.yaml_text import to_yaml
from modelway.client import ControlClient
from modelway.signature import Signature
from modelway.signature.flow_text import flow_lines
from modelway.signature.running_text import PRIORITIES, fields_text, running_text

_LONGEST_INLINE_REQUEST = 200
_EVENTS_SHOWN = 20


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_document_names(parser, several=True)
    add_connection_options(parser)


def _run(args: argparse.Namespace) -> int:
    names = document_names(args)
    connection = connection_of(args)
    with ControlClient(connection.control) as client:
        for position, name in enumerate(names):
            if position:
                print("\n" + "─" * 60 + "\n")
            item = client.get(name.kind, name.name)
            _print_head(name, item)
            if name.kind == "deployments":
                _print_deployment(client, name, item)
            elif name.kind == "routes":
                _print_versions(client, name, item)
            elif name.kind == "rollouts":
                _print_rollout(client, name, item)
            else:
                _print_carried(client, name, item)
            _print_table("Revisions", REVISION_COLUMNS, revision_rows(client.revisions(name.kind, name.name)))
            events = client.events(name.kind, name.name)[-_EVENTS_SHOWN:]
            _print_table("Events", EVENT_COLUMNS, event_rows(events), empty="none")
            if name.kind in {"deployments", "routes"}:
                _print_call(client, name, item, connection.gateway.url)
    return EXIT_OK


def _print_head(name: DocumentName, item: Object) -> None:
    metadata = member(item, "metadata")
    created, updated = metadata.get("createdAt"), metadata.get("updatedAt")
    print(f"{paint(name.word.capitalize(), 'bold')}  {paint(name.name, 'bold')}")
    if name.kind == "deployments":
        phase = phase_cell(text(member(item, "status"), "phase"))
        message = message_of(item)
        print(f"Phase     {paint(phase.text, phase.style)}" + (f": {message}" if message else ""))
    elif name.kind == "routes":
        print(f"Traffic   {weights_text(item)}")
    print(f"Revision  {text(metadata, 'revision')}, declared {date_and_time(updated)} ({age(updated)} ago)")
    print(f"Created   {date_and_time(created)} ({age(created)} ago)")
    _print_title("Spec")
    for line in to_yaml(dict(member(item, "spec"))).splitlines():
        print(f"  {printable(line)}")


def _print_deployment(client: ControlClient, name: DocumentName, item: Object) -> None:
    _print_table("Conditions", CONDITION_COLUMNS, condition_rows(item), empty="none yet")
    clusters = cluster_rows(item)
    if clusters:
        _print_table("Clusters", CLUSTER_COLUMNS, clusters)
    _print_table("Phases", PHASE_COLUMNS, phase_rows(client.phases(name.name)))
    replicas = member(member(item, "status"), "replicas")
    counts = ", ".join(f"{number(replicas, word)} {word}" for word in ("wanted", "ready", "updated"))
    endpoints = [one for one in client.list_all("endpoints") if _belongs(one, name.name)]
    rows = [row_of("endpoints", endpoint, wide=False) for endpoint in endpoints]
    _print_table(f"Replicas: {counts}", columns_of("endpoints", wide=False), rows, empty="none is registered")


def _print_versions(client: ControlClient, name: DocumentName, item: Object) -> None:
    """The versions a route names with what is deployed of them, and those it leaves out."""
    declared = {text(version, "version"): number(version, "weight") for version in _versions(item)}
    deployments = [
        one for one in client.list_all("deployments") if f"{_of(one, 'project')}/{_of(one, 'model')}" == name.name
    ]
    found = {_of(one, "version"): one for one in deployments}
    rows: list[Row] = []
    for version in [*declared, *(version for version in found if version not in declared)]:
        deployment = found.get(version, NOTHING)
        weight = f"{declared[version]}" if version in declared else "-"
        cells = row_of("deployments", deployment, wide=False) if deployment else ("", "(not deployed)", "-")
        rows.append((version, weight, cells[1], cells[2]))
    _print_table("Versions", ("version", "weight", "phase", "ready"), rows, empty="none")


def _print_rollout(client: ControlClient, name: DocumentName, item: Object) -> None:
    _print_title("Now")
    print("\n".join(f"  {line}".rstrip() for line in rollout_lines(item)))
    _print_table("Moves", *move_table(client.rollout_moves(name.name)), empty="none yet")


def _print_carried(client: ControlClient, name: DocumentName, item: Object) -> None:
    """What runs on a cluster, or is in a stage."""
    found = client.list_all("deployments")
    if name.kind == "clusters":
        deployments = [one for one in found if name.name in clusters_of(member(one, "spec"))]
    else:
        here = (_of(item, "project"), _of(item, "stage"))
        deployments = [one for one in found if (_of(one, "project"), text(member(one, "spec"), "stage")) == here]
    rows = [row_of("deployments", one, wide=False) for one in deployments]
    _print_table("Deployments", columns_of("deployments", wide=False), rows, empty="none")


def _versions(item: Object) -> Sequence[Object]:
    return members(member(item, "spec"), "versions")


def _of(item: Object, part: str) -> str:
    return text(member(item, "metadata"), part)


def _belongs(endpoint: Object, name: str) -> bool:
    return "/".join(text(endpoint, part) for part in ("project", "model", "version")) == name


def _print_call(client: ControlClient, name: DocumentName, item: Object, gateway_url: str) -> None:
    deployment = item
    if name.kind == "routes":
        first = next((text(version, "version") for version in _versions(item)), "")
        wanted = f"{name.name}/{first}"
        items = client.list_all("deployments")
        deployment = next((one for one in items if _name(one) == wanted), NOTHING)
    digest = text(member(deployment, "spec"), "package")
    signature = signature_of(client, digest)
    if signature is not None:
        _print_endpoints(signature)
    drawing = flow_lines(signature) if signature is not None else []
    if drawing:
        _print_title("Steps")
        print("\n".join(f"  {printable(line)}" for line in drawing))
    endpoints = endpoints_of(client, digest) or ["predict"]
    _print_title("Call")
    for endpoint in endpoints:
        print(f"  {gateway_url.rstrip('/')}/{name.name}/{endpoint}")
    request = example_request(client, digest, endpoints[0])
    inline = json.dumps(request, ensure_ascii=False, separators=(",", ":")) if request is not None else ""
    if inline and len(inline) <= _LONGEST_INLINE_REQUEST and "'" not in inline:
        data = f"-d '{inline}'"
    else:
        data = "--example" if inline else "-d @request.json"
    print(f"  modelway call {name.name} {endpoints[0]} {data}")


def _print_endpoints(signature: Signature) -> None:
    """What each takes, answers, and how its requests run."""
    rows: list[Row] = [
        (each.name, one_line(fields_text(each)), one_line(each.output.label), running_text(each) or "one by one")
        for each in signature.endpoints
    ]
    _print_table("Endpoints", ("endpoint", "takes", "answers", "runs"), rows)
    print(f"  {PRIORITIES}")


def _name(item: Object) -> str:
    return "/".join(_of(item, part) for part in ("project", "model", "version"))


def _print_title(title: str) -> None:
    print(f"\n{paint(title, 'bold')}")


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Row], *, empty: str = "") -> None:
    _print_title(title)
    if rows:
        print("\n".join(table_lines(columns, rows, indent="  ")))
    else:
        print(f"  {empty}")


COMMAND = Command(
    name="describe",
    help="everything about one deployment, route, stage or cluster",
    example="modelway describe deployment vision/digits/v1\nmodelway describe route vision/digits",
    add_arguments=_add_arguments,
    run=_run,
)
