"""Whether two versions answered the same."""
