"""What a request for many left undone, with the reason: read it, for such a request succeeds all the same."""

from attrs import field, frozen

from detective_async.api.redaction import masked_text


@frozen(kw_only=True)
class UnprocessedAccount:
    """An account for which the request did nothing.

    Attributes:
        account_id: the account.
        reason: AWS's words; e-mail addresses in them are masked in `repr`.
    """

    account_id: str | None = None
    reason: str | None = field(default=None, repr=masked_text)


@frozen(kw_only=True)
class UnprocessedGraph:
    """A graph for which the request found nothing.

    Attributes:
        graph_arn: the graph.
        reason: AWS's words.
    """

    graph_arn: str | None = None
    reason: str | None = None
