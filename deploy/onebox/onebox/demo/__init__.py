"""A real ERP and a spreadsheet flow into the pool, and one query shows what became of them."""
