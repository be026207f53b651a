"""What is left of a grant after it is gone."""

from lakeshare.operations.services import Services


def issued_urls_end(services: Services) -> int:
    """When the last URL that could be signed before now stops working, in epoch milliseconds."""
    return services.clock() + services.url_seconds * 1000
