"""What the tests of several commands share."""

from command_line import sentrec  # noqa: F401 - a fixture
