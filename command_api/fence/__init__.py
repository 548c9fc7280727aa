"""The log as one writer sees it: fenced by claims in the log itself."""
