"""Tables from PostgreSQL, DuckDB and SQLite: one reading statement each, in a session that cannot write."""
