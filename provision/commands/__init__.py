"""The commands: one file each, one public function, explicit arguments."""
