"""Packages kept for others: in a bucket (S3) or a folder, each file once, each version once."""

from modelway.packaging.store.objects import Reference
from modelway.packaging.store.open_store import Store, open_store
from modelway.packaging.store.pull import pull
from modelway.packaging.store.push import push
from modelway.packaging.store.share import Ticket, read_ticket, share
from modelway.packaging.store.signatures import pull_signatures, push_signatures

__all__ = [
    "Reference",
    "Store",
    "Ticket",
    "open_store",
    "pull",
    "pull_signatures",
    "push",
    "push_signatures",
    "read_ticket",
    "share",
]
