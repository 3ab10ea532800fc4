"""aws-requests-auth without requests, which would take a good part of a program's start to import.

All that it needs of requests is a base class for what plugs into requests, which is not what it is used for here.
"""

import builtins
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = ["AWSRequestsAuth", "signature_key"]


def _load(name: str, stand_ins: dict[str, object]) -> dict[str, Any]:
    """Run a module of its own, that nobody else sees, in which some imports give something else.

    Args:
        name: the module.
        stand_ins: name of a module -> what is imported in its place.
    """
    spec = find_spec(name)
    assert spec is not None  # noqa: S101 - it is a dependency
    module = ModuleType(name)
    code = spec.loader.get_code(name)  # type: ignore[union-attr]

    def import_(module: str, *rest: Any) -> object:
        return stand_ins[module] if module in stand_ins else builtins.__import__(module, *rest)

    namespace = module.__dict__
    namespace["__builtins__"] = {**vars(builtins), "__import__": import_}
    exec(code, namespace)  # noqa: S102 - as an import would
    return namespace


_names = _load("aws_requests_auth.aws_auth", {"requests": SimpleNamespace(auth=SimpleNamespace(AuthBase=object))})
AWSRequestsAuth = _names["AWSRequestsAuth"]
signature_key = _names["getSignatureKey"]
