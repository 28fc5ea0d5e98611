"""How verbs show things: tables, bars, times, and objects as rows."""
