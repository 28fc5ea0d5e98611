"""Complete projects to copy from; the tests run every one of them."""
