"""What runs on the hosts: standard library only, Python 3.9."""
