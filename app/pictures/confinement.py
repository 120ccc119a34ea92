"""What a clerk takes from itself before it looks at a stranger's bytes."""

import resource
import sys


def confine(memory_bytes: int) -> None:
    """No more address space than this, no files, no core dump; for the rest of this process's life."""
    if sys.platform == "linux":  # elsewhere address space is no measure of memory
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def allow_cpu(seconds: int) -> None:
    """The process may use so many seconds more; then the kernel ends it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + seconds, hard))
