"""Waiting for what can be observed: never for a time."""
import time

DEADLINE_S = 60.0


class Late(AssertionError):
    pass


def until(condition, what, seconds=DEADLINE_S):
    """Polls `condition` until it gives something true, and returns that. Late says what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"after {seconds:.0f} s still not: {what} (last seen: {value!r})")
        time.sleep(0.01)
