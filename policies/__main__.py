"""``python -m policies``: runs the policies with the settings of the environment until it is told to stop."""

from infra.process import run_process
from policies.process import run

if __name__ == "__main__":
    run_process(run)
