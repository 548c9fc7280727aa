"""The launcher's commands, one module per command or group of commands; `infra/cli.py` has the table."""
