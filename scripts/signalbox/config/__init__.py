"""``.github/signalbox.yml`` → typed settings. Knows nothing of GitHub or of files of evidence."""

from signalbox.config.load import DEFAULT_FILE, Policy, load, parse
from signalbox.config.settings import Settings

__all__ = ["DEFAULT_FILE", "Policy", "Settings", "load", "parse"]
