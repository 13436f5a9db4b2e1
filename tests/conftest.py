"""What holds for every test."""

from hypothesis import settings

# A deadline measures the machine, not the code: on a busy runner it fails tests that are right.
settings.register_profile("signalbox", deadline=None)
settings.load_profile("signalbox")
