"""The configuration: read from its layers, checked as a whole, frozen."""

from .load import DEFAULT_FILE_NAME, find_config_file, load_settings
from .problems import ConfigError
from .settings import Athlete, BrokerTls, HomeAssistant, LogLevel, Settings, Source, Units, Web, masked
from .values import ListenAddress, QuietHours, Retention, StoreChoice, StoreKind

__all__ = [
    "DEFAULT_FILE_NAME",
    "Athlete",
    "BrokerTls",
    "ConfigError",
    "HomeAssistant",
    "ListenAddress",
    "LogLevel",
    "QuietHours",
    "Retention",
    "Settings",
    "Source",
    "StoreChoice",
    "StoreKind",
    "Units",
    "Web",
    "find_config_file",
    "load_settings",
    "masked",
]
