"""Whether a deployment answers."""

import json
import time
import urllib.error
import urllib.request

from operate import Refused
from operate.agreement import say

# Enclaves that have just been let at the key fetch their data keys first.
LONGEST_SECONDS = 180
POLL_SECONDS = 5
ANSWER_SECONDS = 30
LARGEST_ANSWER = 64 * 1024


def check(address: str) -> None:
    """Waits until the API is alive and ready, and says what is wrong if it does not become so."""
    for path in ("/healthz", "/readyz"):
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            status, text = _get(address.rstrip("/") + path)
            if status == 200:
                say(f"{path}: {text}")
                break
            if time.monotonic() > deadline:
                raise Refused(f"{address}{path} answers {status or 'nothing'}: {text}")
            time.sleep(POLL_SECONDS)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            return answer.status, _text(answer.read(LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        return error.code, _text(error.read(LARGEST_ANSWER))
    except (urllib.error.URLError, OSError) as error:
        return 0, str(error)


def _text(body: bytes) -> str:
    """On one line, whatever the other side sends."""
    try:
        return json.dumps(json.loads(body))
    except ValueError:
        return ascii(body.decode(errors="replace"))
