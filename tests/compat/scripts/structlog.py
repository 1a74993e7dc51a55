"""Events as JSON, with a traceback."""

import io
import json

import structlog


def main():
    out = io.StringIO()
    processors = [
        structlog.processors.add_log_level,
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(processors=processors, logger_factory=structlog.PrintLoggerFactory(out))
    log = structlog.get_logger().bind(user="ann")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed", code=3)
    event = json.loads(out.getvalue())
    assert event["user"] == "ann" and event["level"] == "error"
    assert event["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert event["exception"][0]["frames"][-1]["name"] == "main"
    print("as expected")
