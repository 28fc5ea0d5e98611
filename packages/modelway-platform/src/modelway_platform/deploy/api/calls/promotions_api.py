"""Promotions: asked for, looked at, and steered by whoever may."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from modelway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, UnavailableError
from modelway_platform.deploy.api.authorize import check_project
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import DeclaredParts, GitParts, Watching
from modelway_platform.deploy.api.streaming import changing
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.promote import NotPromotable, target_stage
from modelway_platform.domain.promotion.promotion import OPEN, RETRIABLE, Approval, Promotion, PromotionState
from modelway_platform.domain.promotion.stage_gates import may_approve
from modelway_platform.domain.promotion.stage_order import stage_named
from modelway_platform.domain.stages.stage import StageKey
from modelway_platform.store.declared.promotions import PromotionQuery, Promotions

MOST = 1000
MAX_TEXT = 2000
_ACTIONS = ("approve", "reject", "pause", "resume", "abort", "retry")
_UNDECIDED = frozenset({PromotionState.PENDING, PromotionState.PAUSED})
_MOVES: Mapping[str, tuple[frozenset[PromotionState], PromotionState]] = {
    "pause": (frozenset({PromotionState.PENDING}), PromotionState.PAUSED),
    "resume": (frozenset({PromotionState.PAUSED}), PromotionState.PENDING),
    "abort": (_UNDECIDED, PromotionState.ABORTED),
    "retry": (RETRIABLE, PromotionState.PENDING),
}
_DONE = {
    "approve": "approved",
    "reject": "rejected",
    "pause": "paused",
    "resume": "resumed",
    "abort": "aborted",
    "retry": "retried",
}


class PromotionsService:
    """The methods around `Promotions`; who carries them on is told by `changes`."""

    def __init__(self, declared: DeclaredParts, git: GitParts, watching: Watching) -> None:
        self._declared = declared
        self._git = git
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Promotions": {
                "Promote": self.promote,
                "ListPromotions": self.list_all,
                "WatchPromotions": self.watch,
                "GetPromotion": self.get,
                "SteerPromotion": self.steer,
            }
        }

    async def promote(self, request: Any, call: Call) -> dict[str, Any]:
        key, author = VersionKey(request.project, request.model, request.version), call.actor()
        wanted, reason = request.to, _words("reason", request.reason)
        return promotion_json(await asyncio.to_thread(self._promote, key, wanted, reason, author))

    async def list_all(self, request: Any, call: Call) -> dict[str, Any]:
        return await asyncio.to_thread(self._items, _query(request))

    def watch(self, request: Any, call: Call) -> AsyncIterator[bytes | None]:
        query = _query(request)
        return changing(self._watching, lambda: self._items(query))

    async def get(self, request: Any, call: Call) -> dict[str, Any]:
        return promotion_json(await asyncio.to_thread(self._promotions().get, request.number))

    async def steer(self, request: Any, call: Call) -> dict[str, Any]:
        action, comment = request.action, _words("comment", request.comment)
        if action not in _ACTIONS:
            raise InvalidRequestError(f"action: expected {', '.join(_ACTIONS)}, got {action[:40]!r}")
        steered = await asyncio.to_thread(self._steer, request.number, action, comment, call)
        return promotion_json(steered)

    def _promotions(self) -> Promotions:
        if self._declared.promotions is None:
            raise UnavailableError("nothing is promoted from here", hint="ask the platform that `modelway up` runs")
        return self._declared.promotions

    def _items(self, query: PromotionQuery) -> dict[str, Any]:
        return {"items": [promotion_json(each) for each in self._promotions().newest(query)]}

    def _promote(self, key: VersionKey, wanted: str, reason: str, author: Actor) -> Promotion:
        promotions, documents = self._promotions(), self._declared.documents
        record = documents.get_deployment(key)
        if record is None or record.deleting:
            raise NotFoundError(f"no deployment {key}", hint="modelway get deployments")
        before = self._arrived(key, wanted, record.deployment.package) if wanted == record.deployment.stage else None
        if before is not None:
            return before
        stage = target_stage(record, wanted, documents.declared())
        if isinstance(stage, NotPromotable):
            raise ConflictError(stage.message, hint=stage.hint)
        asked = Promotion(
            deployment=str(key),
            from_stage=record.deployment.stage,
            to_stage=stage.key.stage,
            package=record.deployment.package,
            revision=record.revision,
            promoter=author.name,
            reason=reason,
            created_at=time.time(),
        )
        kept = promotions.ask(asked, author=author)
        text = f"promotion {kept.number} from {kept.from_stage} to {kept.to_stage} asked for by {kept.promoter}"
        self._declared.events.note("Deployment", str(key), "Normal", "PromotionAskedFor", text)
        return kept

    def _arrived(self, key: VersionKey, wanted: str, package: str) -> Promotion | None:
        """The promotion that led here: asking for it again changes nothing."""
        found = self._promotions().newest(PromotionQuery(below=str(key)))
        done = (each for each in found if each.state is PromotionState.PROMOTED)
        return next((each for each in done if (each.to_stage, each.package) == (wanted, package)), None)

    def _steer(self, number: int, action: str, comment: str, call: Call) -> Promotion:
        promotions = self._promotions()
        promotion = promotions.get(number)
        check_project(call.caller, promotion.project)
        who = call.caller.name
        change = self._spoken(promotion, who, action, comment) if action in {"approve", "reject"} else _moved(action)
        if action == "abort" and promotion.branch:
            self._take_back(promotion)
        author = call.actor()
        after = promotions.change(number, change, action=_DONE[action], author=author)
        if after != promotion:
            text = (
                f"promotion {number} to {after.to_stage}: {_DONE[action]} by {who}{': ' + comment if comment else ''}"
            )
            self._declared.events.note(
                "Deployment", after.deployment, "Normal", f"Promotion{_DONE[action].title()}", text
            )
        return after

    def _take_back(self, promotion: Promotion) -> None:
        """A commit that is only proposed may stay: merged later, it is refused. One that is on its way into the branch is let be."""
        writes = self._git.writes
        if writes is None or promotion.branch.startswith("modelway/") or writes.cancel(promotion.write_key):
            return
        raise ConflictError(
            f"promotion {promotion.number} is a commit on branch {promotion.branch} by now, or is becoming one",
            hint="`modelway rollout undo` leads back once it is in force",
        )

    def _spoken(self, promotion: Promotion, who: str, action: str, comment: str) -> Callable[[Promotion], Promotion]:
        stage = stage_named(StageKey(promotion.project, promotion.to_stage), self._declared.documents.declared())
        gate = stage.gates.approval if stage is not None else None
        if gate is None:
            raise ConflictError(
                f"stage {promotion.to_stage!r} asks for nobody's approval",
                hint="`modelway promotion abort` ends a promotion",
            )
        if why := may_approve(gate, who, promotion.promoter):
            raise ForbiddenError(why, hint=f"modelway describe stage {promotion.project}/{promotion.to_stage}")

        def change(now: Promotion) -> Promotion:
            if now.state not in _UNDECIDED:
                raise _not_now(now, action)
            approved = action == "approve"
            if any((each.author, each.approved) == (who, approved) for each in now.approvals[-1:]):
                return now
            word = Approval(author=who, approved=approved, at=time.time(), comment=comment)
            state = now.state if approved else PromotionState.REJECTED
            message = now.message if approved else f"approval: rejected by {who}{': ' + comment if comment else ''}"
            return replace(now, approvals=(*now.approvals, word), state=state, message=message)

        return change


def _moved(action: str) -> Callable[[Promotion], Promotion]:
    before, after = _MOVES[action]

    def change(now: Promotion) -> Promotion:
        if now.state is after and action in {"pause", "resume"}:
            return now
        # What the gates let pass can still be given up until it is in the branch that is followed.
        waits_for_commit = now.state is PromotionState.PROMOTING and bool(now.source)
        if now.state not in before and not (action == "abort" and waits_for_commit):
            raise _not_now(now, action)
        fresh = replace(now, state=after)
        return (
            replace(fresh, message="", gates=(), approvals=(), attempt=now.attempt + 1) if action == "retry" else fresh
        )

    return change


def _not_now(promotion: Promotion, action: str) -> ConflictError:
    return ConflictError(
        f"promotion {promotion.number} is {promotion.state.value}: too late to {action}"
        if promotion.state not in OPEN or action != "retry"
        else f"promotion {promotion.number} is under way: there is nothing to retry",
        hint=f"modelway promotion show {promotion.number}",
    )


def promotion_json(promotion: Promotion) -> dict[str, Any]:
    """One promotion."""
    return {
        "number": promotion.number,
        "deployment": promotion.deployment,
        "fromStage": promotion.from_stage,
        "toStage": promotion.to_stage,
        "package": promotion.package,
        "state": promotion.state.value,
        "message": promotion.message,
        "promoter": promotion.promoter,
        "reason": promotion.reason,
        "revision": promotion.revision,
        "resultRevision": promotion.result_revision,
        "source": promotion.source,
        "commit": promotion.commit,
        "gates": [
            {
                "gate": each.gate.value,
                "state": each.state.value,
                "message": each.message,
                "evidence": dict(each.evidence),
                "at": moment(each.at or None),
            }
            for each in promotion.gates
        ],
        "approvals": [
            {"author": each.author, "approved": each.approved, "comment": each.comment, "at": moment(each.at)}
            for each in promotion.approvals
        ],
        "createdAt": moment(promotion.created_at),
        "updatedAt": moment(promotion.updated_at),
        "endedAt": moment(promotion.ended_at or None),
    }


def _query(request: Any) -> PromotionQuery:
    parts = [each for each in (request.project, request.model, request.version) if each]
    if parts != [request.project, request.model, request.version][: len(parts)]:
        raise InvalidRequestError("a model is named with its project, a version with its model")
    most = request.most if request.HasField("most") else PromotionQuery().most
    if not 0 < most <= MOST:
        raise InvalidRequestError(f"most: expected 1 to {MOST}")
    return PromotionQuery(below="/".join(parts), open_only=request.open, most=most)


def _words(name: str, text: str) -> str:
    if len(text) > MAX_TEXT or not all(each.isprintable() or each == "\n" for each in text):
        raise InvalidRequestError(f"{name}: at most {MAX_TEXT} printable characters")
    return text
