"""The round that a pair is within its conversation, which no table holds: counted as the ordinal is, from 0."""

# The pairs of an item stand conversation by conversation, so those of the first one need no look at the others. Pairs
# that were rejected in review count: what a round is called never changes.
ROUND = """
    CASE p.conversation WHEN 0 THEN p.ordinal ELSE p.ordinal - (
        SELECT min(o.ordinal) FROM pair o
        WHERE o.job_id = p.job_id AND o.item_id = p.item_id AND o.conversation = p.conversation
    ) END
"""
