"""Methods that answer a question once: the answers live as long as the object that was asked, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def remembered(method: F) -> F:
    """Return a method that remembers its answers by their arguments, which can be hashed; nobody changes an answer.

    `functools.cache` would want an object that can be hashed, and keep it for ever.
    """
    name = f"_remembered_{method.__name__}"

    @wraps(method)
    def ask(one: Any, *asked: Any, **named: Any) -> Any:
        known = one.__dict__.get(name)
        if known is None:
            known = one.__dict__[name] = {}
        key = (asked, *named.items()) if named else asked
        if key not in known:
            known[key] = method(one, *asked, **named)
        return known[key]

    result: Any = ask
    found: F = result
    return found
