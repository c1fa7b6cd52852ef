"""Alert rules from the catalogs' conditions, and who is told of them."""
