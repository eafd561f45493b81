"""`python -m specc`: the same as the console script."""

from specc.cli import main

if __name__ == "__main__":
    main()
