"""`python -m sentrec` is the `sentrec` command."""

from sentrec.cli.main import run

if __name__ == "__main__":
    run()
