"""Which rounds there are: each fault alone, so that what it costs is its own, then all of them at once."""

from tests.faults.rounds import Round

KILL, REDIS, POSTGRES = "kill -9 of a worker", "loss of all Redis data", "crash of PostgreSQL"
SIGTERM, ZOMBIE, OUTAGE = "SIGTERM restart", "zombie", "15 s outage of the endpoint"

FULL = (
    Round("kills", 800, {KILL: 30}, latency_ms=700),
    Round("redis", 250, {REDIS: 4}, latency_ms=1000),
    Round("postgres", 150, {POSTGRES: 1}, latency_ms=500),
    Round("sigterm", 350, {SIGTERM: 8}, latency_ms=1000, concurrency=24),
    Round("zombies", 200, {ZOMBIE: 4}, latency_ms=3000, concurrency=24),
    Round("outage", 160, {OUTAGE: 1}, latency_ms=500),
    Round("empty", 20, {"Redis kept empty": 1}, latency_ms=2000),
    Round(
        "storm", 150, {KILL: 10, REDIS: 1, POSTGRES: 1, SIGTERM: 2, ZOMBIE: 1}, latency_ms=1000, languages=("de", "zh")
    ),
)
SHORT = Round("short", 150, {KILL: 3, REDIS: 1, POSTGRES: 1, SIGTERM: 2, ZOMBIE: 1}, latency_ms=1000, concurrency=24)
