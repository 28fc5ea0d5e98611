"""What is declared and what became of it: documents, revisions, phases, replicas, promotions, rollouts, events."""
