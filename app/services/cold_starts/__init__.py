"""Cold starts: a prompt comes about round by round, from a system message alone to accepted examples.

A round is an ordinary job over the chosen items, so the engine answers for every paid reply; a candidate is what
such a job left behind about an item; freezing makes a prompt version of what was accepted.
"""
