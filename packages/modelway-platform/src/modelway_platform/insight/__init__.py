"""What the platform learns from its own records."""
