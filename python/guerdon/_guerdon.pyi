from typing import Any, Callable, TypeVar

Function = TypeVar('Function', bound=Callable[..., Any])

class FFI:
    def def_extern(self, **how: Any) -> Callable[[Function], Function]: ...
    def __getattr__(self, name: str) -> Any: ...

ffi: FFI
lib: Any
