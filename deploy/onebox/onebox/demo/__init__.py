"""The demo: an ERP and a spreadsheet are read into the pool, and one query shows the result."""
