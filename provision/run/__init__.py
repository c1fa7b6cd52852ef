"""One run of the playbooks: who may start it, what it says meanwhile, what it would do or did."""
