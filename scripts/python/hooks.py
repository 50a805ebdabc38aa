"""Checks of our own, beside schemathesis'."""

import schemathesis


@schemathesis.check
def nothing_unforeseen(ctx, response, case):
    """500 is what the services answer where nobody thought of it: never right, whatever was asked."""
    assert response.status_code != 500, "answered 500"
