"""What changes of the world raise."""


class NotAllowedError(ValueError):
    """The present state of the world does not allow a change, such as an account that is to leave no organization."""
