"""Roll-ups are spread over buckets: a worker has one of its own, beside that of whoever changes stored pairs."""

from app.store.tallies import BUCKETS, bucket_of


def test_no_worker_counts_where_changes_of_pairs_are_counted() -> None:
    names = [f"worker-{number:04x}" for number in range(2_000)]
    buckets = {bucket_of(name) for name in names}
    assert buckets == set(range(1, BUCKETS))
