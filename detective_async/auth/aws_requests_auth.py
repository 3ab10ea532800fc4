"""Imports aws-requests-auth without requests, whose import would take a large part of a program's start.

aws-requests-auth uses one base class of requests, for authentication in requests itself; that part is not used here.
"""

import builtins
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Never executed. Programs that are frozen, by PyInstaller and its like, contain the modules that byte code names.
    import aws_requests_auth.aws_auth  # noqa: F401

__all__ = ["AWSRequestsAuth", "signature_key"]


def _load(name: str, substitutes: dict[str, object]) -> dict[str, Any]:
    """Execute a module with substitutes for some of its imports, without adding it to `sys.modules`.

    Args:
        name: the module.
        substitutes: name of an imported module -> the object to use instead.
    """
    spec = find_spec(name)
    assert spec is not None  # noqa: S101 - it is a dependency of this package
    module = ModuleType(name)
    code = spec.loader.get_code(name)  # type: ignore[union-attr]

    def import_(module: str, *rest: Any) -> object:
        return substitutes[module] if module in substitutes else builtins.__import__(module, *rest)

    namespace = module.__dict__
    namespace["__builtins__"] = {**vars(builtins), "__import__": import_}
    exec(code, namespace)  # noqa: S102 - as an import does
    return namespace


_names = _load("aws_requests_auth.aws_auth", {"requests": SimpleNamespace(auth=SimpleNamespace(AuthBase=object))})
AWSRequestsAuth = _names["AWSRequestsAuth"]
signature_key = _names["getSignatureKey"]
