"""Ends the process in the way that its argument says."""

import atexit
import signal
import sys
import time


def fail():
    raise ValueError("on purpose")


def wait():
    print("ready", flush=True)
    time.sleep(60)


def main(how):
    atexit.register(print, "atexit ran")
    match how:
        case "return":
            return
        case "status":
            sys.exit(7)
        case "text":
            sys.exit("a message")
        case "none":
            sys.exit(None)
        case "exit":
            exit(5)  # noqa: PLR1722
        case "raise":
            fail()
        case "wait":
            wait()
        case "stop":
            signal.raise_signal(signal.SIGTERM)
        case "interrupt":
            raise KeyboardInterrupt


if __name__ == "__main__":
    main(sys.argv[1])
