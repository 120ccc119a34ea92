"""PostgreSQL: the tables, the sessions and one module of queries per noun."""
