"""The study's one durable record: what happened, in order. Everything else is computed from it."""
