"""The items that a request did not process, with reasons; such a request succeeds anyway, so check them."""

from attrs import field, frozen

from detective_async.api.redaction import masked_text


@frozen(kw_only=True)
class UnprocessedAccount:
    """An account that the request did not process.

    Attributes:
        account_id: the account.
        reason: AWS's explanation; e-mail addresses in it are masked in `repr`.
    """

    account_id: str
    reason: str | None = field(default=None, repr=masked_text)


@frozen(kw_only=True)
class UnprocessedGraph:
    """A graph that the request did not process.

    Attributes:
        graph_arn: the graph.
        reason: AWS's explanation.
    """

    graph_arn: str
    reason: str | None = None
