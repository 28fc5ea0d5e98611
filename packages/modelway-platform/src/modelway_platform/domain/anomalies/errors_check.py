"""Whether requests fail, are refused, or copies disagree, more often than usual."""

from collections.abc import Callable, Sequence

from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding, Judgement
from modelway_platform.domain.anomalies.sample import Sample
from modelway_platform.domain.anomalies.share_check import Excess, Limit, Step, find_excess, worst_usual

LEAST_ERRORS, LEAST_DISAGREED = 0.002, 0.01
_WITHOUT_HISTORY = 0.05
_NEEDED = 200
Counted = Callable[[Sample], tuple[int, int]]


def failed_of(sample: Sample) -> tuple[int, int]:
    """Requests, and those that failed."""
    return sample.requests, sample.failed


def refused_of(sample: Sample) -> tuple[int, int]:
    """Requests, and those that were refused."""
    return sample.requests, sample.refused


def disagreed_of(sample: Sample) -> tuple[int, int]:
    """Copies that were compared, and those that disagreed."""
    return sample.compared, sample.disagreed


def usual_share(
    hours: Sequence[Sample], tens: Sequence[Sample], of: Counted, least: float = LEAST_ERRORS
) -> float | None:
    """What is usual at the worst; None without a history."""
    return worst_usual([of(each) for each in hours], [of(each) for each in tens], least, _NEEDED)


def check_errors(
    usual: tuple[float | None, float | None], recent: Sequence[Sample], bar: Bar, *, version: str = ""
) -> Judgement:
    """Failures (5xx), then refusals (4xx).

    Args:
        usual: Share of failed and of refused requests that is usual at the worst; None where there is no history.
        recent: Steps in order of time.
        bar: What has to be passed.
        version: Whose they are.
    """
    failed, refused = usual
    # Without a history a limit has to do that any model should keep to.
    null = _WITHOUT_HISTORY if failed is None else failed
    basis = f"no history yet: more than {_WITHOUT_HISTORY:.0%} failed" if failed is None else _basis(null)
    excess = find_excess(_steps(recent, failed_of), Limit(null=null, more=0.02, times=2.0), bar)
    if excess is not None:
        finding = _finding(Cause.ERRORS, "errors", excess, null, recent=recent, version=version, words="failed (5xx)")
        return Judgement(cause=Cause.ERRORS, version=version, finding=finding, basis=basis)
    if refused is not None:
        excess = find_excess(_steps(recent, refused_of), Limit(null=refused, more=0.1, times=2, least_hits=20), bar)
        if excess is not None:
            words = "were refused (4xx)"
            finding = _finding(Cause.ERRORS, "refusals", excess, refused, recent=recent, version=version, words=words)
            return Judgement(cause=Cause.ERRORS, version=version, finding=finding, basis=_basis(refused))
    return Judgement(cause=Cause.ERRORS, version=version, basis=basis)


def check_mirror(usual: float | None, recent: Sequence[Sample], bar: Bar, *, version: str) -> Judgement:
    """Copies that this version answered otherwise than the one that the caller heard."""
    if usual is None:
        return Judgement(cause=Cause.MIRROR, version=version, blind=f"needs {_NEEDED} copies that were compared before")
    limit = Limit(null=usual, more=0.05, times=1.5, least_hits=8)
    excess = find_excess(_steps(recent, disagreed_of), limit, bar)
    finding = (
        _finding(Cause.MIRROR, "disagreement", excess, usual, recent=recent, version=version, words="disagree")
        if excess
        else None
    )
    return Judgement(cause=Cause.MIRROR, version=version, finding=finding, basis=_basis(usual))


def _steps(recent: Sequence[Sample], of: Counted) -> list[Step]:
    return [Step(each.at, *of(each)) for each in recent]


def _basis(null: float) -> str:
    return f"nine of ten hours stay below {null:.1%}"


def _finding(
    cause: Cause, kind: str, excess: Excess, null: float, *, recent: Sequence[Sample], version: str, words: str
) -> Finding:
    end = recent[-1].at + recent[-1].seconds
    what = "copies" if cause is Cause.MIRROR else "requests"
    return Finding(
        cause=cause, kind=kind, version=version, since=excess.begin, at=end, measured=excess.share, expected=null,
        low=0.0, high=null, unit="share", surprise=excess.surprise,
        words=f"{excess.hits} of {excess.total} {what} {words}, {excess.share:.1%}, where at most {null:.1%} is usual",
    )  # fmt: skip
