"""The URLs that the environment and the shared config file set for services, in the order of the AWS SDKs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import cut

_EMPTY: Mapping[str, str] = MappingProxyType({})


class EndpointUrls(NamedTuple):
    """Where URLs of services may be set; all empty if they are switched off.

    Attributes:
        variables: the environment's variables.
        profile: the keys of the profile.
        services: service -> the lines below it, in the section that the profile's `services` names.
        profile_name: the name of the profile, for messages.
        config_file: the path of the config file, likewise.
    """

    variables: Mapping[str, str] = _EMPTY
    profile: Mapping[str, str] = _EMPTY
    services: Mapping[str, str] = _EMPTY
    profile_name: str = ""
    config_file: str = ""

    def find(self, service: str, default: str | None = None) -> str | None:
        """Return the URL to use for a service instead of the region's own.

        Args:
            service: the service's name in settings.
            default: the URL to use if none is set, whatever is wrong with the section of services.

        Raises:
            ConfigurationError: the profile names a section of services that does not exist, or that has no settings
                below the service's name. Without the error, requests that were meant for another endpoint would go
                to AWS.
        """
        for variable in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
            if url := self.variables.get(variable):
                return url
        # Like botocore, which does not look at the profile's own URL if there is a problem.
        if (problem := self._problem(service)) is None:
            nested = _nested(self.services.get(service, ""))
            return nested.get("endpoint_url") or self.profile.get("endpoint_url") or default
        if default is None:
            raise ConfigurationError(problem)
        return default

    def _problem(self, service: str) -> str | None:
        if "services" not in self.profile:
            return None
        name = cut(self.profile["services"])
        if not self.services:
            return (
                f"services in profile {cut(self.profile_name)!r} is {name!r}, but {self.config_file} has no section "
                f"[services {name}] with settings"
            )
        if self.services.get(service, "\n").startswith("\n"):
            return None
        # Not the value, whose URL may contain a password.
        return (
            f"{service} in section [services {name}] of {self.config_file} must have nothing on its own line, and "
            "indented settings below it, such as endpoint_url = https://HOST"
        )


def _nested(text: str) -> Mapping[str, str]:
    """Read the indented lines below a key, as in `detective =` under `[services NAME]`."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
