"""Relating the pairs of a whole job by similarity: one unit of work, under a lease like any shard.

whole.py      its course: vectors while pairs come in, then every pair against all others
texts.py, images.py  what is compared, and where vectors are missing
packaged.py   vectors from the packaged model; endpoint.py: from the endpoint's /embeddings
comparing.py  the comparison, in a process of its own
child.py      what runs in the processes that compute, beside the worker's loop
"""
