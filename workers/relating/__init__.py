"""Relating the pairs of a whole job by similarity: one unit of work, under a lease like any shard.

unit.py       how a worker takes it up, and what it makes of its end
whole.py      its course: vectors while pairs come in, then every pair against all others
subjects.py   what is compared: texts or images, and where vectors are missing
packaged.py   vectors from the packaged model; endpoint.py: from the endpoint's /embeddings
pipes.py      a process that computes beside the worker's loop; child.py: what runs in it
sharing.py    what the two share
"""
