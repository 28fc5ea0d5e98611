"""Packages kept for others: in a bucket (S3) or a folder, each file once, each version once."""

from modelway.packaging.store.objects import Reference
from modelway.packaging.store.open_store import Store, open_store
from modelway.packaging.store.pull import pull
from modelway.packaging.store.push import push
from modelway.packaging.store.share import Ticket, read_ticket, share

__all__ = ["Reference", "Store", "Ticket", "open_store", "pull", "push", "read_ticket", "share"]
