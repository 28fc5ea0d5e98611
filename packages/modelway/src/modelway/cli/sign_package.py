"""Signs a package for a verb, and says where the signature is."""

import datetime as dt
import os
from pathlib import Path

from modelway.cli.showing.near_path import near_path
from modelway.cli.showing.output import paint
from modelway.packaging.signing import read_private_key, sign_file
from modelway.packaging.signing.keys import PASSWORD_VARIABLE


def sign_package(package: Path, key: Path, *, days: float | None = None) -> None:
    """Signs and says where the signature is."""
    private = read_private_key(key, os.environ.get(PASSWORD_VARIABLE, ""))
    valid = dt.timedelta(days=days) if days is not None else None
    bundle, path = sign_file(package, private, now=dt.datetime.now(dt.UTC), valid=valid)
    until = bundle.statement.expires_at
    print(f"{paint('signature', 'bold')}  {near_path(path)}")
    print(
        f"{paint('key', 'bold')}        {bundle.key_id[:16]}…"
        + (f", until {until:%Y-%m-%d %H:%M} UTC" if until else "")
    )
