"""`python -m projectors.streams`: what sells now and what is bought together, until it is told to stop."""

from infra.process import run_process
from projectors.streams.process import run

if __name__ == "__main__":
    run_process(run)
