"""The embedded servers: where their binaries come from, how each is started, checked and stopped."""
