"""Who may do what and how much: keys, tokens, issuers, scopes, limits, the audit log."""
