"""Quantiles of any number of records in little memory: values are counted in bins a thousandth wide, none is kept.

An exact quantile keeps every value of a group, 800 MB for a hundred million; counts by bin need a few thousand numbers a group,
and groups of them can be spilled. Bins are those of DDSketch (Masson, Rim, Lee: "DDSketch", PVLDB 12, 2019): of equal width in
the logarithm, so that the error is relative and has a bound, whatever the distribution.
"""

from collections.abc import Mapping

PER_E = 1024
"""Bins per factor of e: the ends of one are e^(1/1024) apart, 0.098 %."""
_NONE = 2_000_000  # more bins than numbers from the least double to the largest have, so that those of negative ones end before 0
PER_MILLE = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}

# A value's bin: grows with the value; NULL for NULL, infinity and what is no number.
_BIN = (
    f"CREATE MACRO near_bin(value) AS CASE WHEN value > 0 THEN {_NONE} + TRY_CAST(ln(value) * {PER_E} AS INTEGER)"
    f" WHEN value < 0 THEN -{_NONE} - TRY_CAST(ln(-value) * {PER_E} AS INTEGER) WHEN value = 0 THEN 0 END"
)
_MIDDLE = (
    f"CREATE MACRO near_bin_middle(bin) AS CASE WHEN bin > 0 THEN exp((bin - {_NONE}) / {PER_E})"
    f" WHEN bin < 0 THEN -exp((-{_NONE} - bin) / {PER_E}) WHEN bin = 0 THEN 0.0::DOUBLE END"
)
# The first bin by whose end so many are over.
_REACHED = (
    "CREATE MACRO near_bin_reached(counts, wanted) AS list_reduce(map_entries(counts),"
    " lambda seen, each: CASE WHEN seen.value >= wanted THEN seen ELSE {'key': each.key, 'value': seen.value + each.value} END,"
    " {'key': NULL::INTEGER, 'value': 0::UBIGINT}).key"
)
# An aggregate for questions that people write: quantile_near(duration_us, 0.99).
_NEAR = (
    "CREATE MACRO quantile_near(value, share) AS near_bin_middle(near_bin_reached(histogram(near_bin(value::DOUBLE)),"
    " greatest(1, share * count(near_bin(value::DOUBLE)))))"
)
QUANTILE_MACROS: tuple[str, ...] = (_BIN, _MIDDLE, _REACHED, _NEAR)


def ms_of(name: str, which: str = "") -> str:
    """The expression, in the last SELECT of `counted`, that is a quantile in milliseconds.

    It is the largest value of the bin in which the quantile lies, so it did occur, is never below the exact quantile, and less than
    0.1 % above it.

    Args:
        name: Of `PER_MILLE`.
        which: A condition on the rows that count.
    """
    condition = f"{which} AND " if which else ""
    return f"round(min(most) FILTER ({condition}upto * 1000 >= {PER_MILLE[name]} * whole) / 1000, 3)"


def counted(select: str, *, keys: str, parts: Mapping[str, str], of: str, rest: str, within: str = "") -> str:
    """SQL that groups records twice: by keys and bin of `duration_us`, then by keys.

    Args:
        select: What is said of each group, in words of `parts`, of `ms_of`, and of `n`, how many records a bin has.
        keys: Of a group, as they are selected; each ends with its name.
        parts: Aggregates of a bin, by name.
        of: `FROM`, and what follows up to the first grouping.
        rest: What follows the last `FROM`.
        within: The names by which quantiles are taken, if they are not those of the keys.
    """
    names = within or keys
    inner = "".join(f", {aggregate} AS {name}" for name, aggregate in parts.items())
    return (
        f"WITH counted AS (\n  SELECT {keys}, near_bin(duration_us) AS bin, count(*) AS n, max(duration_us) AS most{inner}\n"  # noqa: S608 - our own words
        f"  {of}\n  GROUP BY {names}, bin\n), ranked AS (\n"
        f"  SELECT *, sum(n) FILTER (bin IS NOT NULL) OVER (PARTITION BY {names} ORDER BY bin NULLS LAST) AS upto,\n"
        f"    sum(n) FILTER (bin IS NOT NULL) OVER (PARTITION BY {names}) AS whole\n  FROM counted\n)\n"
        f"SELECT {select}\nFROM ranked\n{rest}"
    )
