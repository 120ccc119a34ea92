"""A tutorial that runs: upload, job, worker, page, export, one idea a test, in the order in which they build up."""
