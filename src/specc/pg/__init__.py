"""PostgreSQL knowledge: names, DDL text, reading SQL with pglast; real servers to run it on."""
