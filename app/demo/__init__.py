"""`make demo`: a small dataset becomes instruction-response pairs before your eyes, by the public HTTP API only."""
