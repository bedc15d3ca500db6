"""Find documents and read their pages as grey pixels."""
