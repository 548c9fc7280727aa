"""Starting, watching and stopping programs: the servers and the processes alike."""
