"""`python -m validation.planning`: see :mod:`validation.planning.run`."""

from validation.planning.run import main

if __name__ == "__main__":
    main()
