#!/usr/bin/python3
"""python-can's own ReaderWriterTest against the plug-in; by hand (README.md).

usage: python_can.py SOURCE_DIR BUILD_DIR CHECKOUT [system]
"""
import os
import sys
import unittest

from common import BUILD  # noqa: F401 pylint: disable=unused-import

CHECKOUT = os.path.abspath(sys.argv.pop(1))
if sys.argv[1:2] == ["system"]:
    sys.argv.pop(1)
    import can
    sys.path.insert(0, CHECKOUT)
else:
    sys.path.insert(0, CHECKOUT)
    import can

from canp import can_io

sys.modules["can"] = can
from test import logformats_test as theirs  # noqa: E402  (python-can's package of tests)

# The class is deleted at the end of their module; the tests of its formats are its children.
base = theirs.TestAscFileFormat.__mro__[1]


class TestCanp(base):
    def _setup_instance(self):
        import inspect
        options = dict(binary_file=True, check_comments=False, preserves_channel=False, test_append=True,
                       adds_default_channel="can", allowed_timestamp_delta=1e-6)
        known = inspect.signature(self._setup_instance_helper).parameters
        self._setup_instance_helper(can_io.CanpWriter, can_io.CanpReader,
                                    **{name: value for name, value in options.items() if name in known})


if __name__ == "__main__":
    print("python-can", can.__version__, can.__file__)
    unittest.main(argv=[sys.argv[0], "TestCanp"])
