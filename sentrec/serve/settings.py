"""How a server is set up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServeSettings:
    """How a server is set up.

    Attributes:
        token: What clients have to send as ``Authorization: Bearer TOKEN``; None: anybody may ask.
        timeout: Seconds within which a request is answered, or refused.
        body_timeout: Seconds within which a client has to have sent its request.
        most_waiting: How many texts may wait for a model before further ones are refused.
        most_jobs: How many rankings and explanations may wait.
    """

    token: str | None = None
    timeout: float = 30.0
    body_timeout: float = 10.0
    most_waiting: int = 1024
    most_jobs: int = 8
