"""What the plugin is configured with."""
from __future__ import annotations
from dataclasses import dataclass, field

class SettingsError(ValueError): ...

@dataclass(frozen=True)
class Conf:
    resources: tuple[str, ...] = ()

@dataclass(frozen=True)
class Settings:
    config: Conf = field(default_factory=Conf)
    records: bool = False

def settings(path: str | None) -> Settings:
    return Settings()
