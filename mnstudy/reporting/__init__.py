"""What people look at: figures, tables and the report page. Nothing is computed here."""
