"""Benchmarks: each module has `run()`, which gives its figures, and prints them when called as a program."""
