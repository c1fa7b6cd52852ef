"""What an inventory, catalogs and variables make together: a site, its hosts, their settings."""
