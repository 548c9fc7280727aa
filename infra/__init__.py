"""What every process stands on: settings, the local launcher, embedded servers, the log reader, HTTP errors."""
