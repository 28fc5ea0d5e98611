"""May this caller do that? One decision for every method, by the rule that the schema gives it."""

from typing import Any

from modelway.errors import ForbiddenError
from modelway_platform.deploy.api.call import Caller
from modelway_platform.deploy.api.messages.methods import Method
from modelway_platform.deploy.api.schema.rule_pb2 import Rule

_MAY = {
    Rule.Role.READER: frozenset({"reader", "deployer", "admin"}),
    Rule.Role.DEPLOYER: frozenset({"deployer", "admin"}),
    Rule.Role.ANY_DEPLOYER: frozenset({"deployer", "admin"}),
    Rule.Role.ADMIN: frozenset({"admin"}),
    Rule.Role.REPLICA: frozenset({"replica", "admin"}),
    Rule.Role.GATEWAY: frozenset({"gateway", "admin"}),
    Rule.Role.RECORDER: frozenset({"recorder", "admin"}),
}


_DEPLOYERS = frozenset({Rule.Role.DEPLOYER, Rule.Role.ANY_DEPLOYER})


def check_role(method: Method, caller: Caller) -> None:
    """Let a call pass whose message need not be known yet.

    Raises:
        ForbiddenError: The caller's role does not suffice, or the method has no rule.
    """
    role = method.rule.role
    if caller.role not in _MAY.get(role, frozenset()):
        raise ForbiddenError(
            f"{caller.name}, {caller.role}, may not do {method.called}",
            hint=_hint(role, caller),
        )


def check_message(method: Method, request: Any, caller: Caller) -> None:
    """Let a call pass by what it is about: what is refused is refused whether it exists or not.

    Raises:
        ForbiddenError: The project is not one of this caller's.
    """
    rule = method.rule
    if rule.role == Rule.Role.DEPLOYER:
        check_project(caller, request.project)
    elif caller.projects:
        named: list[str] = [getattr(request, name) for name in method.project_fields if getattr(request, name)]
        if not named and rule.scope == Rule.Scope.BY_REQUEST:
            raise ForbiddenError(
                f"{caller.name} is bound to {_projects(caller)}, and {method.called} was asked of everything",
                hint="name one of them" if method.project_fields else "it takes a token for all projects",
            )
        if others := [each for each in named if not caller.sees(each)]:
            raise ForbiddenError(
                f"{caller.name} is bound to {_projects(caller)}, not project {others[0][:63]!r}",
                hint="an admin can make a token for it: modelway token create NAME --project PROJECT",
            )


def check_project(caller: Caller, project: str) -> None:
    """Let a change of something in `project` pass.

    Raises:
        ForbiddenError: The project is not one of this caller's.
    """
    if caller.role == "admin" or (caller.role == "deployer" and project in caller.projects):
        return
    raise ForbiddenError(
        f"{caller.name}, {caller.role}, may not change project {project[:63]!r}",
        hint="an admin can make a token for it: modelway token create NAME --role deployer --project PROJECT",
    )


def _projects(caller: Caller) -> str:
    shown = ", ".join(caller.projects[:5])
    return f"project {shown}" if len(caller.projects) == 1 else f"projects {shown}"


def _hint(role: int, caller: Caller) -> str:
    if caller.role == "replica":
        return "a replica's token opens only PUT and DELETE /v1/endpoints/{id}"
    if caller.role == "recorder":
        return "a token for records opens only POST /v1/records/inference"
    if caller.role == "gateway":
        return "a gateway's key opens only /v1/route-table"
    needed = "reader" if role == Rule.Role.READER else "deployer" if role in _DEPLOYERS else "admin"
    return f"it takes the role {needed}: modelway token create NAME --role …, with an admin key"
