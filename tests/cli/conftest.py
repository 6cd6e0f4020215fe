"""What the tests of several commands share."""

from command_line import invoke, sentrec, starter  # noqa: F401 - fixtures
