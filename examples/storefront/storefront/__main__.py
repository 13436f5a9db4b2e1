"""`python -m storefront`: serve the shop until it is told to stop."""

from storefront.server import main

if __name__ == "__main__":
    main()
