from typing import Any as _Any
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from modelway_platform.deploy.api.schema import rule_pb2 as _rule_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompareVersionsRequest(_message.Message):
    __slots__ = ("project", "model", "baseline", "candidate", "since", "pinned", "experiment", "reward_low", "reward_high")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    REWARD_LOW_FIELD_NUMBER: _ClassVar[int]
    REWARD_HIGH_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    baseline: str
    candidate: str
    since: str
    pinned: bool
    experiment: str
    reward_low: float
    reward_high: float
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., baseline: _Optional[str] = ..., candidate: _Optional[str] = ..., since: _Optional[str] = ..., pinned: _Optional[bool] = ..., experiment: _Optional[str] = ..., reward_low: _Optional[float] = ..., reward_high: _Optional[float] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("project", "model", "since", "until", "verdict", "words", "requests_left", "versions", "metrics", "plan", "read", "agreement", "problem")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    since: str
    until: str
    verdict: str
    words: str
    requests_left: int
    versions: _containers.RepeatedCompositeFieldContainer[ComparedVersion]
    metrics: _containers.RepeatedCompositeFieldContainer[ComparedMetric]
    plan: ComparisonPlan
    read: ReadRecords
    agreement: ComparedCopies
    problem: str
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., since: _Optional[str] = ..., until: _Optional[str] = ..., verdict: _Optional[str] = ..., words: _Optional[str] = ..., requests_left: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[ComparedVersion, _Mapping[str, _Any]]]] = ..., metrics: _Optional[_Iterable[_Union[ComparedMetric, _Mapping[str, _Any]]]] = ..., plan: _Optional[_Union[ComparisonPlan, _Mapping[str, _Any]]] = ..., read: _Optional[_Union[ReadRecords, _Mapping[str, _Any]]] = ..., agreement: _Optional[_Union[ComparedCopies, _Mapping[str, _Any]]] = ..., problem: _Optional[str] = ...) -> None: ...

class ComparedCopies(_message.Message):
    __slots__ = ("copies", "failed", "compared", "agreed", "share", "interval", "words")
    COPIES_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    copies: int
    failed: int
    compared: int
    agreed: int
    share: float
    interval: Interval
    words: str
    def __init__(self, copies: _Optional[int] = ..., failed: _Optional[int] = ..., compared: _Optional[int] = ..., agreed: _Optional[int] = ..., share: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping[str, _Any]]] = ..., words: _Optional[str] = ...) -> None: ...

class ComparedVersion(_message.Message):
    __slots__ = ("version", "role", "requests", "errors", "error_rate", "refused", "left", "pinned", "p50_ms", "p99_ms", "p95_ms", "p999_ms", "labelled", "accuracy", "rewarded", "mean_reward")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    P50_MS_FIELD_NUMBER: _ClassVar[int]
    P99_MS_FIELD_NUMBER: _ClassVar[int]
    P95_MS_FIELD_NUMBER: _ClassVar[int]
    P999_MS_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    REWARDED_FIELD_NUMBER: _ClassVar[int]
    MEAN_REWARD_FIELD_NUMBER: _ClassVar[int]
    version: str
    role: str
    requests: int
    errors: int
    error_rate: float
    refused: int
    left: int
    pinned: int
    p50_ms: float
    p99_ms: float
    p95_ms: float
    p999_ms: float
    labelled: int
    accuracy: float
    rewarded: int
    mean_reward: float
    def __init__(self, version: _Optional[str] = ..., role: _Optional[str] = ..., requests: _Optional[int] = ..., errors: _Optional[int] = ..., error_rate: _Optional[float] = ..., refused: _Optional[int] = ..., left: _Optional[int] = ..., pinned: _Optional[int] = ..., p50_ms: _Optional[float] = ..., p99_ms: _Optional[float] = ..., p95_ms: _Optional[float] = ..., p999_ms: _Optional[float] = ..., labelled: _Optional[int] = ..., accuracy: _Optional[float] = ..., rewarded: _Optional[int] = ..., mean_reward: _Optional[float] = ...) -> None: ...

class ComparedMetric(_message.Message):
    __slots__ = ("metric", "unit", "baseline", "candidate", "difference", "interval", "verdict", "confirmed", "requests_left", "words", "problem")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    metric: str
    unit: str
    baseline: float
    candidate: float
    difference: float
    interval: Interval
    verdict: str
    confirmed: bool
    requests_left: int
    words: str
    problem: str
    def __init__(self, metric: _Optional[str] = ..., unit: _Optional[str] = ..., baseline: _Optional[float] = ..., candidate: _Optional[float] = ..., difference: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping[str, _Any]]] = ..., verdict: _Optional[str] = ..., confirmed: _Optional[bool] = ..., requests_left: _Optional[int] = ..., words: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class ComparisonPlan(_message.Message):
    __slots__ = ("alpha", "minimum_requests", "effect", "latency_margin", "pinned", "experiment", "rewards")
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MARGIN_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    minimum_requests: int
    effect: float
    latency_margin: float
    pinned: bool
    experiment: str
    rewards: Interval
    def __init__(self, alpha: _Optional[float] = ..., minimum_requests: _Optional[int] = ..., effect: _Optional[float] = ..., latency_margin: _Optional[float] = ..., pinned: _Optional[bool] = ..., experiment: _Optional[str] = ..., rewards: _Optional[_Union[Interval, _Mapping[str, _Any]]] = ...) -> None: ...

class ReadRecords(_message.Message):
    __slots__ = ("records", "unreadable")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    records: int
    unreadable: int
    def __init__(self, records: _Optional[int] = ..., unreadable: _Optional[int] = ...) -> None: ...

class ReportMirrorsRequest(_message.Message):
    __slots__ = ("project", "model", "since", "examples")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    since: str
    examples: int
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., since: _Optional[str] = ..., examples: _Optional[int] = ...) -> None: ...

class MirrorReport(_message.Message):
    __slots__ = ("project", "model", "since", "until", "pairs", "read")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    project: str
    model: str
    since: str
    until: str
    pairs: _containers.RepeatedCompositeFieldContainer[MirrorPair]
    read: ReadRecords
    def __init__(self, project: _Optional[str] = ..., model: _Optional[str] = ..., since: _Optional[str] = ..., until: _Optional[str] = ..., pairs: _Optional[_Iterable[_Union[MirrorPair, _Mapping[str, _Any]]]] = ..., read: _Optional[_Union[ReadRecords, _Mapping[str, _Any]]] = ...) -> None: ...

class MirrorPair(_message.Message):
    __slots__ = ("to", "endpoint", "copies", "failed", "compared", "agreed", "differed", "unknown", "agreement_rate", "mean_score", "primary_p50_ms", "primary_p99_ms", "mirror_p50_ms", "mirror_p99_ms", "worst")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    COPIES_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    DIFFERED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_RATE_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_P50_MS_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_P99_MS_FIELD_NUMBER: _ClassVar[int]
    MIRROR_P50_MS_FIELD_NUMBER: _ClassVar[int]
    MIRROR_P99_MS_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    to: str
    endpoint: str
    copies: int
    failed: int
    compared: int
    agreed: int
    differed: int
    unknown: int
    agreement_rate: float
    mean_score: float
    primary_p50_ms: float
    primary_p99_ms: float
    mirror_p50_ms: float
    mirror_p99_ms: float
    worst: _containers.RepeatedCompositeFieldContainer[MirrorExample]
    def __init__(self, to: _Optional[str] = ..., endpoint: _Optional[str] = ..., copies: _Optional[int] = ..., failed: _Optional[int] = ..., compared: _Optional[int] = ..., agreed: _Optional[int] = ..., differed: _Optional[int] = ..., unknown: _Optional[int] = ..., agreement_rate: _Optional[float] = ..., mean_score: _Optional[float] = ..., primary_p50_ms: _Optional[float] = ..., primary_p99_ms: _Optional[float] = ..., mirror_p50_ms: _Optional[float] = ..., mirror_p99_ms: _Optional[float] = ..., worst: _Optional[_Iterable[_Union[MirrorExample, _Mapping[str, _Any]]]] = ..., **kwargs) -> None: ...

class MirrorExample(_message.Message):
    __slots__ = ("time", "request_id", "score", "why")
    TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    time: str
    request_id: str
    score: float
    why: str
    def __init__(self, time: _Optional[str] = ..., request_id: _Optional[str] = ..., score: _Optional[float] = ..., why: _Optional[str] = ...) -> None: ...
