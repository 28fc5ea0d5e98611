"""Who may do what, and who did: keys, tokens, issuers, the audit log."""
