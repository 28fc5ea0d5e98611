"""Questions of the collected records, in SQL; whoever asks may be hostile, so each question runs in a process of its own."""
