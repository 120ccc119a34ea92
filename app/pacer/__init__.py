"""The pace of all workers towards one endpoint: permits, learned limits and the breaker, shared through Redis.

pacer.py   Pacer: what callers wait for and report to, and its turns with the fleet (turn.lua)
agenda.py  who waits, which permits fall due when, when the next turn is
lone.py    what was seen since the last turn, and pacing by it while Redis is away
"""

from app.pacer.pacer import Pacer

__all__ = ["Pacer"]
