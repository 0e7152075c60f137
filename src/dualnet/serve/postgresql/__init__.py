"""State that several servers share in a PostgreSQL database."""
