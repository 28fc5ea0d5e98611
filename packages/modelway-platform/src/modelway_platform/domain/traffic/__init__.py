"""Who called what at a time: how a stretch is divided, and what routes said then."""
