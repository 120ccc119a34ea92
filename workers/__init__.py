"""The worker pool: it claims shards, asks the model and records what was answered."""
