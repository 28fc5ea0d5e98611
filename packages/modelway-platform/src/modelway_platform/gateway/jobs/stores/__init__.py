"""Where jobs and what they carry are kept: a port, its adapters, and what adapters have in common."""
