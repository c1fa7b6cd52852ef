"""A Site rendered to the files of each host: pure, no host is contacted."""
