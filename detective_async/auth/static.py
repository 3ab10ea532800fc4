"""Keys that never change, as a provider."""

from attrs import field, frozen

from detective_async.auth.credentials import Credentials, masked_key_id


@frozen
class StaticCredentials:
    """Fixed keys.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.

    Raises:
        CredentialsError: a key is missing, empty or malformed.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    _credentials: Credentials = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Made in the constructor, so that a missing key raises there and not in the first call. The class is frozen.
        keys = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        object.__setattr__(self, "_credentials", keys)

    async def get_credentials(self) -> Credentials:
        """Return the keys."""
        return self._credentials
