"""Who called what at any time: out of the collected records, and where these are gone out of the platform's own series."""
