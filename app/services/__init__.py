"""Use cases: what an endpoint or a task does, given a session."""
