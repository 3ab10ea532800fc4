"""What Amazon states about its API, and what boto3 does, held against this library."""
