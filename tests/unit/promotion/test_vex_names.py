"""Which package a statement is about: by any of its usual spellings, and by version where both say one."""

import pytest

from signalbox.promotion.vex import _same


@pytest.mark.parametrize(
    ("package", "version", "stated", "stated_version", "same"),
    [
        ("requests", "2.0", "requests", "2.0", True),
        ("Requests", "2.0", "requests", "", True),
        ("requests", "", "requests", "2.0", True),
        ("requests", "2.0", "requests", "2.1", False),
        ("requests", "2.0", "urllib3", "2.0", False),
        ("zope_interface", "", "zope-interface", "", True),
        ("zope.interface", "", "zope-interface", "", True),
        ("org.acme:lib", "1", "org.acme/lib", "1", True),
        ("lib", "1", "org.acme/lib", "1", True),
        ("org.other:lib", "1", "org.acme/lib", "1", False),
        ("lib", "1", "library", "1", False),
    ],
)
def test_a_statement_is_about_the_package_that_it_names(package, version, stated, stated_version, same):
    finding = {"package": package, "version": version}
    assert _same(finding, stated, stated_version) is same  # type: ignore[arg-type]
