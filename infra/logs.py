"""Log lines of the processes: one JSON object a line on standard output, with UTC time, level and fields."""

import logging
import sys

import structlog


def configure_logging(level: str) -> None:
    """Set up structlog and the standard library's logging alike; ``level`` is DEBUG, INFO, WARNING or ERROR."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    # While Kafka is away the client writes thousands of lines; what matters of it is said by whoever waits for it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
