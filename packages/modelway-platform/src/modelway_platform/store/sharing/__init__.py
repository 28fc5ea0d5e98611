"""What several control processes on one database need of each other: leases, members, news."""
