"""Errors that tell a user what was found, what was expected and what to do."""


class InputError(ValueError):
    """The data or the parameters given by the user cannot be used; the message names the offenders and the remedy."""


class UnseenTaskError(InputError):
    """Prediction was asked for a task that the model has never seen."""


class ModelFileError(InputError):
    """A model file is damaged, too large, or of a kind that this version does not know."""


class MissingExtraError(ImportError):
    """An optional dependency is needed; the message says which extra installs it."""
