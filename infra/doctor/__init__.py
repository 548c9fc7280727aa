"""What `doctor` looks at, one function per thing."""
