"""The one place that imports ZeroMQ."""

from kinfolk.exceptions import MissingExtraError

try:
    import zmq
    from zmq.auth import load_certificate
    from zmq.auth.thread import ThreadAuthenticator
except ImportError as error:
    raise MissingExtraError(
        'Agents in processes of their own talk by ZeroMQ, which is not installed: pip install "kinfolk[agents]".'
    ) from error

__all__ = ["ThreadAuthenticator", "load_certificate", "zmq"]
