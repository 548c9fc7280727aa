"""Log lines of the processes: one JSON object a line on standard output, with UTC time, level and fields. Commands that
a person looks at say them in words instead, or as JSON on standard error.
"""

import logging
import sys
from typing import TextIO

import structlog


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging alike, onto ``stream`` or standard output. ``level`` is
    DEBUG, INFO, WARNING or ERROR.
    """
    stream = stream or sys.stdout
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
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    # While Kafka is away the client writes thousands of lines; what matters of it is said by whoever waits for it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def configure_words(level: str) -> None:
    """The same for a person: a line of words, on what is standard output at that moment, beside a progress display."""
    configure_logging(level)
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)],
        logger_factory=structlog.PrintLoggerFactory(),
    )


def configure_beside_answer(level: str) -> None:
    """The same as JSON on standard error, for a command whose standard output is its answer."""
    configure_logging(level, sys.stderr)
