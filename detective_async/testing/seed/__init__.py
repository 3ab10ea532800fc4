"""A simulated world as plain data: load it at the start, save it at the end. A seed file is TOML or JSON.

All keys are optional but those marked as required. A complete seed::

    time = 2026-03-01T08:00:00Z         # the virtual time is advanced to this, unless it is later already
    verification_delay = 60             # seconds from an invitation to the end of its verification
    activation_delay = 30               # seconds from a member's acceptance to the end of the check of its volume
    package_delay = 300                 # seconds from the start of a data source package until it is STARTED
    deletion_delay = 60                 # seconds from DeleteGraph until the graph is gone
    delegation_delay = 20               # seconds from an organization's first delegation until other regions can follow
    volume_limit = 10_000_000_000_000   # bytes a day that a graph takes in
    next_check = 2026-03-01T08:30:00Z   # when disabled members that fit are enabled; by default in an hour
    read_lag = 5                        # seconds after which what is written is seen by operations that read
    read_lags = { ListGraphs = 10 }     # for these operations
    closed_regions = ["me-south-1"]     # not opted in
    investigations = { duration = 30, outcome = "SUCCESSFUL", severity = "HIGH" }   # those started afterwards

    [[accounts]]                        # their access keys are derived from their ids
    id = "111122223333"                 # required
    email = "root@secops.example"       # of the root user; by default account-<id>@example.com
    name = "secops"                     # by default account-<id>

    [[accounts]]
    id = "000000000001"
    volume_problem = "VOLUME_TOO_HIGH"  # or VOLUME_UNKNOWN: the account cannot be enabled
    closed_regions = ["ap-east-1"]      # not opted in, beside those above
    state = "ACTIVE"                    # or PENDING_ACTIVATION, SUSPENDED, PENDING_CLOSURE, CLOSED

    [[roles]]                           # for AssumeRole
    account = "000000000001"            # required
    name = "SecurityAudit"              # required
    trusted = ["111122223333"]          # required: the accounts that may assume it
    external_id = "a-secret-word"
    max_session_duration = 7200         # by default 3600
    path = "/security/"                 # by default "/"

    [[organizations]]
    management_account = "999999999999" # required
    accounts = ["111122223333", "000000000002"]
    joined = { 000000000002 = 2026-01-31T12:00:00Z }    # by account; by default now, or before all that follows
    delegated = "111122223333"          # the delegated administrator, by default the one in `administrators`
    delegated_since = 2026-01-31T12:00:00Z      # by default now, or the earliest `since` in `administrators`
    administrators = { eu-west-1 = { account = "111122223333" } }   # by region; "since" is a time
    settling = { region = "eu-west-1", until = 2026-03-01T08:00:20Z }   # other regions can follow then

    [[graphs]]
    administrator = "111122223333"      # required
    region = "eu-west-1"                # required
    id = "0123456789abcdef0123456789abcdef"     # the end of its ARN; by default random
    created = 2026-01-31T12:00:00Z      # by default now, or the earliest time in what the graph has
    auto_enable = true                  # new accounts of the organization become members automatically
    tags = { team = "secops" }
    packages = { EKS_AUDIT = "DISABLED" }       # by default STARTED, or STOPPED; "history" has the times, by state
    starting = { EKS_AUDIT = 2026-03-01T08:05:00Z }             # when they will be STARTED

    # deleted_at = 2026-03-01T08:01:00Z         # when it is gone, while it is being deleted; then without members

    [[graphs.members]]
    account = "000000000001"            # required
    email = "one@example.com"           # the address that the invitation was sent to
    status = "ACCEPTED_BUT_DISABLED"    # by default ENABLED
    disabled_reason = "VOLUME_TOO_HIGH"
    invitation_type = "INVITATION"      # by default ORGANIZATION for accounts of the organization
    invited_at = 2026-02-01T12:00:00Z
    updated_at = 2026-02-02T12:00:00Z   # "ingest" has the times of its packages, as "history" above

    [[graphs.members]]
    account = "000000000002"            # an account of the organization: enabled

    [[graphs.members]]
    account = "000000000003"
    status = "VERIFICATION_IN_PROGRESS"
    verifies_at = 2026-03-01T08:01:00Z  # by default now plus the verification delay
    any_address = true                  # whether any address verifies; by default if the account is not registered

    [[graphs.members]]
    account = "000000000004"
    status = "ACCEPTED_BUT_DISABLED"
    checked_at = 2026-03-01T08:02:00Z   # the end of the check of its volume; then there is no reason by default

    [[graphs.investigations]]
    entity_arn = "arn:aws:iam::111122223333:role/Admin"     # required
    id = "000000000000000000001"        # by default random
    created = 2026-02-03T12:00:00Z
    finishes = 2026-02-03T12:30:00Z     # by default the time of its creation
    scope_start = 2026-02-02T00:00:00Z
    scope_end = 2026-02-03T00:00:00Z
    outcome = "SUCCESSFUL"              # or FAILED
    severity = "CRITICAL"               # INFORMATIONAL, LOW, MEDIUM, HIGH or CRITICAL
    state = "ARCHIVED"                  # by default ACTIVE

The accounts of roles, of organizations and of graphs' administrators are registered without an entry in
`[[accounts]]`. A member without one is not registered: it verifies with any e-mail address. A seed does not contain
temporary credentials, faults and recorded requests.
"""
