"""The events of calls, attempts and retries."""

from collections.abc import Callable

from attrs import field, frozen


@frozen(kw_only=True)
class CallStart:
    """A call starts: for hooks that have a method `on_start`.

    Both `on_start` and the hook's call with the `CallEvent`, which always follows, run in the task of the call. So a
    context variable that is set at the start is set during the whole call, and can be reset at its end.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        service: the service's name in signatures: `detective`, or `sts` when a role is assumed.
        account: the account of the credentials, if it is known before they are fetched; else None.
        region: the region that is called.
        endpoint_url: the URL that is called.
        invocation_id: the same for all events of the call.
        headers: empty. Headers that a hook adds, such as a trace id, are sent with each attempt, unsigned. Headers of
            the request itself or of AWS's signature are ignored, and so are malformed ones.
    """

    operation: str
    service: str
    account: str | None
    region: str
    endpoint_url: str
    invocation_id: str
    headers: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class AttemptEvent:
    """One attempt has ended.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of a call; sent to AWS as `amz-sdk-invocation-id`.
        attempt: the attempt's number, from 1.
        max_attempts: the maximum number of attempts.
        waited: seconds between the previous attempt and this one.
        elapsed: seconds that the attempt took.
        status: the HTTP status; None without a response.
        request_id: AWS's id of the request, or None.
        error_code: AWS's error code, or the class of a transport error; None for success.
        throttled: whether the service throttled the request.
        request_bytes: the size of the request's body.
        response_bytes: the size of the response's body after decompression; None without a response, or if it exceeds
            the limit.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempt: int
    max_attempts: int
    waited: float
    elapsed: float
    status: int | None = None
    request_id: str | None = None
    error_code: str | None = None
    throttled: bool = False
    request_bytes: int = 0
    response_bytes: int | None = None


@frozen(kw_only=True)
class RetryEvent:
    """An attempt failed, and another one will follow after a delay.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of a call.
        attempt: the number of the attempt that failed, from 1.
        max_attempts: the maximum number of attempts.
        delay: seconds until the next attempt.
        error_code: AWS's error code, or the class of a transport error.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempt: int
    max_attempts: int
    delay: float
    error_code: str


@frozen(kw_only=True)
class CallEvent:
    """A call has ended, successfully or not. There is no event for a call with invalid parameters.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of the call.
        attempts: the number of attempts; 0 if the call ended before the first one.
        elapsed: seconds from the start to the end of the call, including credentials, queueing and delays.
        waited: seconds of them that were delays between attempts.
        status: the HTTP status of the last attempt; None without a response.
        request_id: AWS's id of the last attempt, or None.
        error_code: AWS's error code, or the class of the exception, including `CancelledError`; None for success.
        request_bytes: the size of the request's body.
        response_bytes: the size of the last response's body after decompression; None without a response, or if it
            exceeds the limit.
        retry_quota: the rest of the retry quota of the account in the region, of 500.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempts: int
    elapsed: float
    waited: float
    status: int | None
    request_id: str | None
    error_code: str | None
    request_bytes: int
    response_bytes: int | None
    retry_quota: int


Event = AttemptEvent | RetryEvent | CallEvent
Hook = Callable[[Event], object]
